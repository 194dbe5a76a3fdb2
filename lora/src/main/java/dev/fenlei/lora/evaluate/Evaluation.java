package dev.fenlei.lora.evaluate;

import java.io.IOException;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// The judgement on a set of predictions.
///
/// @param metrics      how good the answers are
/// @param calibration  how good the probabilities are; null when no row has any
/// @param temperature  the temperature that would make them honest; empty when no row has any
public record Evaluation(Metrics metrics, @Nullable Calibration calibration, OptionalDouble temperature) {

    private static final JsonMapper JSON = JsonMapper.builder().build();

    /// Judges predictions.
    ///
    /// Probabilities are spread over the whole label set; labels that were no candidates of a row have none. Rows
    /// without
    /// probabilities, or without one for their true label, are left out of the calibration.
    ///
    /// @param labels      the fixed label set, in the order of all tables
    /// @param predictions at least one; all with a label of the set
    /// @throws IllegalArgumentException when a prediction has no label, or one outside the set
    public static Evaluation of(List<String> labels, List<PredictionRecord> predictions) {
        Map<String, Integer> index = ConfusionMatrix.index(labels);
        List<String> truth = new ArrayList<>(predictions.size());
        List<@Nullable String> answers = new ArrayList<>(predictions.size());
        List<double[]> probabilities = new ArrayList<>();
        List<Integer> classes = new ArrayList<>();
        for (PredictionRecord prediction : predictions) {
            String label = prediction.label();
            if (label == null) {
                throw new IllegalArgumentException(
                        "A row has no label, so it cannot be evaluated: "
                                + DisplayWidth.shorten(prediction.text(), 60));
            }
            truth.add(label);
            answers.add(prediction.prediction());
            Integer truthIndex = index.get(label);
            if (truthIndex != null && prediction.probabilities().containsKey(label)) {
                probabilities.add(spread(prediction.probabilities(), index));
                classes.add(truthIndex);
            }
        }
        Metrics metrics = Metrics.of(labels, truth, answers);
        if (probabilities.isEmpty()) {
            return new Evaluation(metrics, null, OptionalDouble.empty());
        }
        double[][] p = probabilities.toArray(double[][]::new);
        int[] y = classes.stream().mapToInt(Integer::intValue).toArray();
        return new Evaluation(metrics, Calibration.of(p, y), OptionalDouble.of(Temperature.fit(logarithms(p, y), y)));
    }

    /// Writes `evaluation.json`.
    ///
    /// At the top stand the four keys of the original recipe as it wrote them, rounded to 4 places: `accuracy`,
    /// `precision_macro`, `recall_macro`, `f1_macro`. Everything below `metrics` is exact. Undefined figures are null.
    public void write(Path file) throws IOException {
        byte[] json = JSON.writer(SerializationFeature.INDENT_OUTPUT).writeValueAsBytes(toJson());
        AtomicFile.write(file, out -> {
            out.write(json);
            out.write('\n');
        });
    }

    /// Writes `predictions.jsonl`, one [PredictionRecord] a line.
    public static void writePredictions(Path file, Iterable<PredictionRecord> predictions) throws IOException {
        AtomicFile.write(file, out -> writeLines(out, predictions));
    }

    /// The content of `evaluation.json` as maps, lists, strings and numbers.
    public Map<String, @Nullable Object> toJson() {
        ConfusionMatrix confusion = metrics.confusion();
        Map<String, @Nullable Object> exact = new LinkedHashMap<>();
        exact.put("accuracy", metrics.accuracy());
        exact.put("macro", score(metrics.macro()));
        exact.put("micro", score(metrics.micro()));
        exact.put("weighted", score(metrics.weighted()));
        exact.put("cohen_kappa", defined(metrics.cohenKappa()));
        exact.put("matthews", metrics.matthews());
        if (calibration != null) {
            exact.put("calibration", calibration(calibration));
            exact.put("temperature", temperature.isPresent() ? temperature.getAsDouble() : null);
        }
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("accuracy", rounded(metrics.accuracy()));
        json.put("precision_macro", rounded(metrics.macro().precision()));
        json.put("recall_macro", rounded(metrics.macro().recall()));
        json.put("f1_macro", rounded(metrics.macro().f1()));
        json.put("rows", confusion.total());
        json.put("correct", confusion.correct());
        json.put("invalid", confusion.invalidCount());
        json.put("invalid_answers", confusion.invalid());
        json.put("metrics", exact);
        json.put("per_class", metrics.perClass().stream().map(Evaluation::classScore).toList());
        json.put("labels", confusion.labels());
        json.put("confusion", confusion.counts());
        return json;
    }

    private Map<String, @Nullable Object> calibration(Calibration figures) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("rows", figures.rows());
        json.put("log_loss", figures.logLoss());
        json.put("brier", figures.brier());
        json.put("ece_" + Calibration.BINS, figures.ece());
        json.put("roc_auc_ovr_macro", defined(figures.rocAucMacro()));
        Map<String, @Nullable Double> areas = new LinkedHashMap<>();
        for (int c = 0; c < figures.rocAuc().length; c++) {
            areas.put(metrics.confusion().labels().get(c), defined(figures.rocAuc()[c]));
        }
        json.put("roc_auc_ovr", areas);
        List<Map<String, @Nullable Object>> bins = new ArrayList<>();
        for (Calibration.Bin bin : figures.bins()) {
            Map<String, @Nullable Object> entry = new LinkedHashMap<>();
            entry.put("rows", bin.rows());
            entry.put("confidence", defined(bin.confidence()));
            entry.put("accuracy", defined(bin.accuracy()));
            bins.add(entry);
        }
        json.put("bins", bins);
        return json;
    }

    private static void writeLines(OutputStream out, Iterable<PredictionRecord> predictions) throws IOException {
        for (PredictionRecord prediction : predictions) {
            out.write(JSON.writeValueAsString(prediction.toJson()).getBytes(StandardCharsets.UTF_8));
            out.write('\n');
        }
    }

    private static double[] spread(Map<String, Double> probabilities, Map<String, Integer> index) {
        double[] row = new double[index.size()];
        probabilities.forEach((label, probability) -> {
            Integer column = index.get(label);
            if (column != null) {
                row[column] = probability;
            }
        });
        return row;
    }

    /// Logarithms; −∞ for classes without probability, except a true one that was rounded to 0.
    private static double[][] logarithms(double[][] probabilities, int[] truth) {
        double[][] logarithms = new double[probabilities.length][];
        for (int row = 0; row < probabilities.length; row++) {
            logarithms[row] = probabilities[row].clone();
            for (int c = 0; c < logarithms[row].length; c++) {
                double floor = c == truth[row] ? Double.MIN_NORMAL : 0;
                logarithms[row][c] = Math.log(Math.max(logarithms[row][c], floor));
            }
        }
        return logarithms;
    }

    private static Map<String, @Nullable Object> classScore(Metrics.ClassScore one) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("label", one.label());
        json.putAll(score(one.score()));
        json.put("support", one.support());
        return json;
    }

    private static Map<String, Double> score(Metrics.Score score) {
        Map<String, Double> json = new LinkedHashMap<>();
        json.put("precision", score.precision());
        json.put("recall", score.recall());
        json.put("f1", score.f1());
        return json;
    }

    private static double rounded(double value) {
        return new BigDecimal(value).setScale(4, RoundingMode.HALF_EVEN).doubleValue();
    }

    private static @Nullable Double defined(double value) {
        return Double.isNaN(value) ? null : value;
    }
}
