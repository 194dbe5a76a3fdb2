package dev.fenlei.lora.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.IntNode;
import tools.jackson.databind.node.StringNode;

@Timeout(60)
class JournalTest {

    private static final Duration GRACE = Duration.ofMillis(300);

    @TempDir
    private Path folder;

    private static SearchSpace space() {
        Map<String, Distribution> parameters = new LinkedHashMap<>();
        parameters.put("lr", RangeDistribution.logFloats(1e-5, 1e-3));
        parameters.put("r", RangeDistribution.integers(4, 16));
        parameters.put("batch_size", new CategoricalDistribution(
                List.of(IntNode.valueOf(2), IntNode.valueOf(4), IntNode.valueOf(8))));
        return new SearchSpace(parameters);
    }

    private Study study(Path journal) throws Exception {
        return Study.open(
                journal, "分类", Direction.MAXIMIZE, Map.of("model", StringNode.valueOf("tiny")), GRACE);
    }

    private static ActiveTrial next(Study study) throws Exception {
        return study.next(space(), new RandomSampler(7), Pruner.NONE, 100).orElseThrow();
    }

    /// Field by field what Optuna 5 writes for the same.
    @Test
    void recordsHaveOptunasShape() throws Exception {
        Path journal = folder.resolve("study.journal");
        try (ActiveTrial trial = next(study(journal))) {
            trial.report(1, 0.25);
            trial.report(2, Double.NaN);
            trial.complete(0.5, Map.of("note", StringNode.valueOf("好")));
        }
        List<String> lines = Files.readAllLines(journal);
        assertThat(lines).allMatch(line -> line.chars().allMatch(c -> c < 128));
        List<JsonNode> records = lines.stream().map(line -> JournalFile.JSON.readTree(line)).toList();
        assertThat(records).extracting(record -> record.path("op_code").asInt())
                .containsExactly(0, 2, 4, 7, 7, 8, 6);
        assertThat(records).allSatisfy(record -> assertThat(record.path("worker_id").asString())
                .matches("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\\d+"));
        assertThat(names(records.get(0))).containsExactly("op_code", "worker_id", "study_name", "directions");
        assertThat(records.get(0).path("directions").toString()).isEqualTo("[2]");
        assertThat(names(records.get(1))).containsExactly("op_code", "worker_id", "study_id", "user_attr");
        assertThat(names(records.get(2))).containsExactly(
                "op_code", "worker_id", "study_id", "datetime_start", "state", "value", "values", "distributions",
                "params", "user_attrs", "system_attrs", "intermediate_values");
        assertThat(records.get(2).path("datetime_start").asString())
                .matches("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{6}\\+00:00");
        assertThat(records.get(2).path("distributions").path("r").asString()).isEqualTo(
                "{\"name\":\"IntDistribution\",\"attributes\":{\"log\":false,\"step\":1,\"low\":4,\"high\":16}}");
        assertThat(records.get(2).path("distributions").path("lr").asString()).isEqualTo(
                "{\"name\":\"FloatDistribution\",\"attributes\":"
                        + "{\"step\":null,\"low\":1.0E-5,\"high\":0.001,\"log\":true}}");
        assertThat(records.get(2).path("distributions").path("batch_size").asString()).isEqualTo(
                "{\"name\":\"CategoricalDistribution\",\"attributes\":{\"choices\":[2,4,8]}}");
        assertThat(records.get(2).path("params").path("batch_size").isInt()).isTrue();
        assertThat(records.get(2).path("params").path("r").isFloatingPointNumber()).isTrue();
        assertThat(names(records.get(3))).containsExactly(
                "op_code", "worker_id", "trial_id", "step", "intermediate_value");
        assertThat(lines.get(4)).endsWith("\"intermediate_value\":NaN}");
        assertThat(names(records.get(6))).containsExactly(
                "op_code", "worker_id", "trial_id", "state", "values", "datetime_complete");
    }

    private static List<String> names(JsonNode record) {
        return new ArrayList<>(record.propertyNames());
    }

    @Test
    void whatIsWrittenIsReadAgain() throws Exception {
        Path journal = folder.resolve("deep").resolve("study.journal");
        Study study = study(journal);
        try (ActiveTrial trial = next(study)) {
            assertThat(trial.parameters().keySet()).containsExactly("lr", "r", "batch_size");
            trial.complete(0.5, Map.of("note", StringNode.valueOf("好")));
        }
        try (ActiveTrial trial = next(study)) {
            trial.report(3, 0.75);
            trial.prune(Map.of());
        }
        try (ActiveTrial trial = next(study)) {
            trial.fail("it broke");
        }
        StudyState read = Study.read(journal, "分类");
        assertThat(read).isEqualTo(study.state());
        assertThat(read.trials()).extracting(Trial::state)
                .containsExactly(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL);
        assertThat(Objects.requireNonNull(read.trials().get(0).userAttributes().get("note")).asString()).isEqualTo("好");
        assertThat(read.trials().get(1).value()).isEqualTo(0.75);
        assertThat(read.trials().get(2).value()).isNull();
        assertThat(read.trials()).allMatch(trial -> space().contains(trial.parameters()));
        assertThat(read.best().orElseThrow().number()).isZero();
    }

    @Test
    void aTrialLeftBehindIsTakenUpOnce() throws Exception {
        Path journal = folder.resolve("study.journal");
        ActiveTrial left = next(study(journal));
        left.report(1, 0.5);
        try (ActiveTrial other = next(study(journal))) { // the first is being worked on
            assertThat(other.number()).isEqualTo(1);
        }
        left.close();
        try (ActiveTrial again = next(study(journal)); ActiveTrial third = next(study(journal))) {
            assertThat(again.number()).isZero();
            assertThat(again.resumed()).isTrue();
            assertThat(again.parameters()).isEqualTo(left.parameters());
            assertThat(third.number()).isEqualTo(1);
        }
    }

    /// A running trial that another tool began is left alone.
    @Test
    void aTrialOfAnotherToolIsNotTakenUp() throws Exception {
        Path journal = folder.resolve("study.journal");
        Study study = study(journal);
        Files.writeString(
                journal,
                Files.readString(journal)
                        + "{\"op_code\":4,\"worker_id\":\"p-1\",\"study_id\":0,"
                        + "\"datetime_start\":\"2026-01-01T00:00:00.000000+00:00\"}\n");
        try (ActiveTrial trial = next(study)) {
            assertThat(trial.number()).isEqualTo(1);
        }
    }

    @Test
    void theLimitCountsAllTrials() throws Exception {
        Study study = study(folder.resolve("study.journal"));
        for (int i = 0; i < 3; i++) {
            try (ActiveTrial trial = study.next(space(), new RandomSampler(1), Pruner.NONE, 3).orElseThrow()) {
                trial.fail("no");
            }
        }
        assertThat(study.next(space(), new RandomSampler(1), Pruner.NONE, 3)).isEmpty();
    }

    @Test
    void aStudyIsNotContinuedAsAnother() throws Exception {
        Path journal = folder.resolve("study.journal");
        Study study = study(journal);
        next(study).close();
        assertThatThrownBy(() -> Study.open(
                journal, "分类", Direction.MAXIMIZE, Map.of("model", StringNode.valueOf("big"))))
                .isInstanceOf(SearchException.class)
                .hasMessageContaining("model")
                .hasMessageContaining("tiny");
        assertThatThrownBy(() -> Study.open(journal, "分类", Direction.MINIMIZE, Map.of()))
                .hasMessageContaining("MAXIMIZE");
        assertThatThrownBy(() -> Study.open(journal, "../x", Direction.MINIMIZE, Map.of()))
                .hasMessageContaining("../x");
        assertThatThrownBy(() -> Study.read(journal, "other")).hasMessageContaining("分类");
        assertThatThrownBy(() -> Study.read(folder.resolve("none"), "other")).hasMessageContaining("does not exist");
        SearchSpace changed = new SearchSpace(Map.of("r", RangeDistribution.floats(4, 16)));
        try (ActiveTrial trial = next(study)) {
            trial.fail("done with");
        }
        assertThatThrownBy(() -> study.next(changed, new RandomSampler(1), Pruner.NONE, 100))
                .isInstanceOf(SearchException.class)
                .hasMessageContaining("'r'")
                .hasMessageContaining("IntDistribution");
    }

    @Test
    void theLockOfAKilledProcessIsTakenAwayAfterTheGracePeriod() throws Exception {
        Path journal = folder.resolve("study.journal");
        study(journal);
        Path lock = folder.resolve("study.journal.lock");
        Files.createSymbolicLink(lock, journal); // as JournalFileSymlinkLock
        long start = System.nanoTime();
        study(journal);
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isGreaterThanOrEqualTo(GRACE);
        Files.createFile(lock); // as JournalFileOpenLock
        study(journal);
        assertThat(lock).doesNotExist();
    }

    @Test
    void recordsAndFilesHaveLimits() throws Exception {
        Path journal = folder.resolve("study.journal");
        Study study = study(journal);
        byte[] before = Files.readAllBytes(journal);
        try (ActiveTrial trial = next(study)) {
            assertThatThrownBy(() -> trial.complete(
                    1, Map.of("note", StringNode.valueOf("x".repeat(JournalFile.MAX_RECORD_BYTES)))))
                    .isInstanceOf(SearchException.class)
                    .hasMessageContaining("limit");
            trial.complete(1, Map.of());
        }
        assertThat(study.state().trials().getFirst().value()).isEqualTo(1);
        Files.writeString(journal, "{\"a\":\"" + "x".repeat(JournalFile.MAX_RECORD_BYTES));
        assertThatThrownBy(() -> Study.read(journal, "分类")).hasMessageContaining("line 1").hasMessageContaining(
                "longer");
        Files.write(journal, before);
        assertThatThrownBy(study::state).hasMessageContaining("shorter");
        assertThatThrownBy(() -> study(folder)).hasMessageContaining("is not a file");
    }

    @Test
    void parametersFoundInJsonAreChecked() {
        assertThatThrownBy(() -> DistributionJson.read("{\"name\":\"Weird\"}")).hasMessageContaining("Weird");
        assertThatThrownBy(() -> DistributionJson.read("nonsense")).hasMessageContaining("nonsense");
        assertThat(DistributionJson.read(
                "{\"name\": \"DiscreteUniformDistribution\", \"attributes\": {\"low\": 0, \"high\": 1, \"q\": 0.25}}"))
                .isEqualTo(new RangeDistribution(false, 0, 1, 0.25, false));
        assertThat(JsonMapper.shared().readTree(DistributionJson.write(RangeDistribution.logIntegers(1, 64)))
                .path("attributes").path("log").asBoolean()).isTrue();
    }
}
