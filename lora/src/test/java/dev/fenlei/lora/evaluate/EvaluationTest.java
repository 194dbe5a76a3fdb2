package dev.fenlei.lora.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class EvaluationTest {

    private static final List<String> LABELS = List.of("财经", "科技", "体育");

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path directory;

    @Test
    void writesTheOriginalKeysAndExactFigures() throws IOException {
        Evaluation evaluation = Evaluation.of(LABELS, predictions());
        Path file = directory.resolve("new/evaluation.json");
        evaluation.write(file);
        JsonNode json = JsonMapper.shared().readTree(file);
        assertThat(json.get("accuracy").asDouble()).isEqualTo(0.6);
        assertThat(json.get("precision_macro").asDouble()).isEqualTo(0.8333);
        assertThat(json.at("/metrics/macro/precision").asDouble()).isCloseTo(5 / 6.0, within(1e-15));
        assertThat(json.get("recall_macro").asDouble()).isEqualTo(0.7778);
        assertThat(json.get("f1_macro").asDouble()).isEqualTo(0.7222);
        assertThat(json.get("invalid").asInt()).isEqualTo(1);
        assertThat(json.at("/invalid_answers/未知").asInt()).isEqualTo(1);
        assertThat(json.at("/confusion/0").toString()).isEqualTo("[1,1,0]");
        assertThat(json.at("/per_class/2/label").asString()).isEqualTo("体育");
        assertThat(json.at("/metrics/calibration/rows").asInt()).isEqualTo(4);
        assertThat(json.at("/metrics/calibration/bins/0/accuracy").isNull()).isTrue();
        assertThat(json.at("/metrics/temperature").asDouble()).isBetween(Temperature.MIN, Temperature.MAX);
        try (var files = Files.list(directory.resolve("new"))) {
            assertThat(files).containsExactly(file);
        }
    }

    @Test
    void writesPredictionsAsLines() throws IOException {
        Path file = directory.resolve("predictions.jsonl");
        Evaluation.writePredictions(file, predictions());
        List<String> lines = Files.readAllLines(file);
        assertThat(lines).hasSize(5);
        assertThat(lines.getFirst())
                .isEqualTo("{\"text\":\"甲\",\"candidates\":[\"财经\",\"科技\"],\"label\":\"财经\",\"prediction\":\"财经\","
                        + "\"probabilities\":{\"财经\":0.75,\"科技\":0.25}}");
        assertThat(lines.getLast()).contains("\"prediction\":\"未知\"").doesNotContain("probabilities");
    }

    @Test
    void judgesAnswersAloneWithoutProbabilities() {
        Evaluation evaluation = Evaluation.of(LABELS, List.of(prediction("财经", null, Map.of())));
        assertThat(evaluation.calibration()).isNull();
        assertThat(evaluation.temperature()).isEmpty();
        assertThat(evaluation.metrics().accuracy()).isZero();
        assertThat(evaluation.metrics().confusion().invalid()).containsEntry("", 1);
    }

    @Test
    void refusesWhatCannotBeJudged() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Evaluation.of(LABELS, List.of(prediction(null, "财经", Map.of()))))
                .withMessageContaining("no label");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Evaluation.of(LABELS, List.of(prediction("军事", "财经", Map.of()))))
                .withMessageContaining("\"军事\" of row 1 is not in the label set");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Evaluation.of(List.of("a", "a"), List.of(prediction("a", "a", Map.of()))))
                .withMessageContaining("twice");
    }

    @Test
    void fitsTemperaturesWithinTheirBounds() {
        double[][] right = {{3, 1, Double.NEGATIVE_INFINITY}, {0, 2, 1}};
        assertThat(Temperature.fit(right, new int[] {0, 1})).isCloseTo(Temperature.MIN, within(1e-9));
        assertThat(Temperature.fit(right, new int[] {1, 0})).isCloseTo(Temperature.MAX, within(1e-6));
        assertThat(Temperature.softmax(right[0], 2)).containsExactly(
                new double[] {1 / (1 + Math.exp(-1)), 1 / (1 + Math.exp(1)), 0}, within(1e-15));
    }

    @Test
    void alignsChineseInTheTable() {
        String table = EvaluationTable.render(Evaluation.of(LABELS, predictions()));
        assertThat(table).contains("accuracy 0.6000 (3 of 5)").contains("1 answers outside the label set: \"未知\" × 1");
        List<String> rows = table.lines().limit(8).toList();
        assertThat(rows).allSatisfy(row -> assertThat(DisplayWidth.of(row)).isEqualTo(56));
        assertThat(DisplayWidth.of("中文a，é\u0301")).isEqualTo(8);
        assertThat(DisplayWidth.shorten("中文标签", 6)).isEqualTo("中文…");
    }

    private static List<PredictionRecord> predictions() {
        return List.of(
                prediction("财经", "财经", probabilities("财经", 0.75, "科技", 0.25)),
                prediction("财经", "科技", probabilities("财经", 0.4, "科技", 0.6)),
                prediction("科技", "科技", probabilities("科技", 0.5, "体育", 0.5)),
                prediction("体育", "体育", probabilities("体育", 1, "财经", 0)),
                prediction("财经", "未知", Map.of()));
    }

    private static PredictionRecord prediction(
            @Nullable String label, @Nullable String prediction, Map<String, Double> probabilities) {
        SequencedMap<String, Double> ordered = new LinkedHashMap<>(probabilities);
        return new PredictionRecord(null, "甲", List.copyOf(ordered.sequencedKeySet()), label, prediction, ordered);
    }

    private static SequencedMap<String, Double> probabilities(String first, double p, String second, double q) {
        SequencedMap<String, Double> probabilities = new LinkedHashMap<>();
        probabilities.put(first, p);
        probabilities.put(second, q);
        return probabilities;
    }
}
