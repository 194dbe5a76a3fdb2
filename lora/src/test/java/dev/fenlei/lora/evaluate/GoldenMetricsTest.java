package dev.fenlei.lora.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Every case that scikit-learn computed, at the tolerances of the golden manifest.
class GoldenMetricsTest {

    private static final double EXACT = 1e-12;
    private static final double FITTED = 1e-6;

    @TestFactory
    Stream<DynamicTest> cases() {
        String golden = System.getProperty("fenlei.golden", "");
        Path file = Path.of(golden, "metrics", "cases.json");
        assumeTrue(!golden.isEmpty() && Files.exists(file), () -> "no golden values: " + file.toAbsolutePath());
        return JsonMapper.shared().readTree(file).valueStream().map(one -> DynamicTest.dynamicTest(
                one.get("name").asString(), () -> {
                    if (one.get("kind").asString().equals("labels")) {
                        checkLabels(one);
                    } else {
                        checkProbabilities(one);
                    }
                }));
    }

    private static void checkLabels(JsonNode one) {
        List<String> labels = strings(one.get("labels"));
        List<String> truth = strings(one.get("y_true"));
        List<String> predictions = strings(one.get("y_pred"));
        JsonNode expected = one.get("expected");
        if (expected.get("accuracy").isObject()) {
            assertThatIllegalArgumentException().isThrownBy(() -> Metrics.of(labels, truth, predictions));
            return;
        }
        Metrics metrics = Metrics.of(labels, truth, predictions);
        same(metrics.accuracy(), expected.get("accuracy"));
        same(metrics.macro(), expected.get("macro"));
        same(metrics.micro(), expected.get("micro"));
        same(metrics.weighted(), expected.get("weighted"));
        same(metrics.cohenKappa(), expected.get("cohen_kappa"));
        same(metrics.matthews(), expected.get("mcc"));
        for (int c = 0; c < labels.size(); c++) {
            Metrics.ClassScore score = metrics.perClass().get(c);
            same(score.score().precision(), expected.at("/per_class/precision/" + c));
            same(score.score().recall(), expected.at("/per_class/recall/" + c));
            same(score.score().f1(), expected.at("/per_class/f1/" + c));
            same(score.support(), expected.at("/per_class/support/" + c));
        }
        same(metrics.confusion(), expected.get("confusion"));

        List<String> union = strings(expected.get("union_labels"));
        Metrics overUnion = Metrics.of(union, truth, predictions);
        same(overUnion.confusion(), expected.get("confusion_over_union"));
        same(overUnion.macro(), expected.get("macro_over_union"));

        int[] inside = IntStream.range(0, truth.size())
                .filter(i -> labels.contains(predictions.get(i)))
                .toArray();
        Metrics insideOnly = Metrics.of(labels, pick(truth, inside), pick(predictions, inside));
        same(insideOnly.cohenKappa(), expected.get("cohen_kappa_labels_fixed"));
        assertThat(metrics.invalidCount()).isEqualTo(truth.size() - inside.length);
    }

    private static void checkProbabilities(JsonNode one) {
        double[][] logits = one.get("logits").valueStream()
                .map(row -> row.valueStream().mapToDouble(JsonNode::asDouble).toArray())
                .toArray(double[][]::new);
        int[] truth = one.get("y_true").valueStream().mapToInt(JsonNode::asInt).toArray();
        JsonNode expected = one.get("expected");
        Calibration calibration = Calibration.of(softmax(logits, 1), truth);
        same(calibration.logLoss(), expected.get("log_loss"));
        same(calibration.brier(), expected.get("brier_sum"));
        same(calibration.brier() / (logits[0].length == 2 ? 2 : 1), expected.get("brier_sklearn"));
        same(calibration.ece(), expected.get("ece_15"));
        same(calibration.rocAucMacro(), expected.get("roc_auc_ovr_macro"));
        int hits = 0;
        for (int c = 0; c < logits[0].length; c++) {
            same(calibration.rocAuc()[c], expected.at("/roc_auc_per_class/" + c));
        }
        for (int b = 0; b < Calibration.BINS; b++) {
            Calibration.Bin bin = calibration.bins().get(b);
            same(bin.rows(), expected.at("/ece_bins/" + b + "/n"));
            same(bin.confidence(), expected.at("/ece_bins/" + b + "/confidence"));
            same(bin.accuracy(), expected.at("/ece_bins/" + b + "/accuracy"));
            hits += bin.rows() == 0 ? 0 : (int) Math.round(bin.accuracy() * bin.rows());
        }
        same((double) hits / truth.length, expected.get("accuracy"));

        same(Temperature.loss(logits, truth, 1), expected.get("nll_at_1"));
        double temperature = Temperature.fit(logits, truth);
        assertThat(temperature).isCloseTo(expected.get("temperature").asDouble(), within(FITTED));
        assertThat(Temperature.loss(logits, truth, temperature))
                .isCloseTo(expected.get("nll_at_temperature").asDouble(), within(FITTED));
        assertThat(Calibration.of(softmax(logits, temperature), truth).ece())
                .isCloseTo(expected.get("ece_15_at_temperature").asDouble(), within(FITTED));
    }

    private static double[][] softmax(double[][] logits, double temperature) {
        return Stream.of(logits).map(row -> Temperature.softmax(row, temperature)).toArray(double[][]::new);
    }

    private static void same(Metrics.Score actual, JsonNode expected) {
        same(actual.precision(), expected.get("precision"));
        same(actual.recall(), expected.get("recall"));
        same(actual.f1(), expected.get("f1"));
    }

    private static void same(ConfusionMatrix actual, JsonNode expected) {
        for (int row = 0; row < actual.counts().length; row++) {
            for (int column = 0; column < actual.counts().length; column++) {
                assertThat(actual.counts()[row][column]).isEqualTo(expected.get(row).get(column).asInt());
            }
        }
    }

    private static void same(double actual, JsonNode expected) {
        if (expected.isNull()) {
            assertThat(actual).isNaN();
        } else {
            assertThat(actual).isCloseTo(expected.asDouble(), within(EXACT));
        }
    }

    private static List<String> strings(JsonNode list) {
        return list.valueStream().map(JsonNode::asString).toList();
    }

    private static List<String> pick(List<String> list, int[] rows) {
        List<String> picked = new ArrayList<>();
        for (int row : rows) {
            picked.add(list.get(row));
        }
        return picked;
    }
}
