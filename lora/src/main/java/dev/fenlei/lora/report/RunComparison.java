package dev.fenlei.lora.report;

import dev.fenlei.lora.run.RunException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Runs beside each other, all tested on the same examples, each against the first.
///
/// @param lines one per run, in the order given
public record RunComparison(List<Line> lines) {

    /// The samples of the bootstrap unless another number is asked for.
    public static final int SAMPLES = 10_000;

    /// What is known of one run.
    ///
    /// @param nll the mean negative log-likelihood; null if there are no probabilities
    /// @param ece the expected calibration error; null if there are no probabilities
    /// @param test against the first run; null for the first itself
    public record Line(
            Path run,
            double accuracy,
            double macroF1,
            @Nullable Double nll,
            @Nullable Double ece,
            @Nullable PairedTest test) {}

    private record Tested(Path run, JsonNode evaluation, List<String> keys, int[] truth, int[] answers) {}

    /// Compares runs.
    ///
    /// @param runs at least two folders with `evaluation.json` and `predictions.jsonl`, of runs or of `evaluate --out`
    /// @throws RunException if one has not been evaluated, or on other examples than the first
    public static RunComparison of(List<Path> runs, int samples, long seed) throws IOException {
        List<Line> lines = new ArrayList<>();
        Tested first = null;
        for (Path run : runs) {
            Tested tested = read(run);
            JsonNode metrics = tested.evaluation().path("metrics");
            PairedTest test = null;
            if (first == null) {
                first = tested;
            } else {
                requireSame(first, tested);
                test = PairedTest.of(
                        first.truth(), first.answers(), tested.answers(),
                        first.evaluation().path("labels").size(), samples, seed);
            }
            lines.add(new Line(
                    run,
                    metrics.path("accuracy").asDouble(),
                    metrics.path("macro").path("f1").asDouble(),
                    figure(metrics.path("calibration").get("log_loss")),
                    figure(metrics.path("calibration").get("ece_15")),
                    test));
        }
        return new RunComparison(List.copyOf(lines));
    }

    private static @Nullable Double figure(@Nullable JsonNode node) {
        return node == null || node.isNull() ? null : node.asDouble();
    }

    private static void requireSame(Tested first, Tested other) {
        if (!first.evaluation().path("labels").equals(other.evaluation().path("labels"))) {
            throw new RunException(other.run() + ": has other labels than " + first.run());
        }
        if (first.keys().size() != other.keys().size()) {
            throw new RunException(other.run() + ": was tested on " + other.keys().size() + " examples, " + first.run()
                    + " on " + first.keys().size());
        }
        for (int i = 0; i < first.keys().size(); i++) {
            if (!first.keys().get(i).equals(other.keys().get(i))) {
                throw new RunException(other.run() + ": was tested on other examples than " + first.run()
                        + "; the first that differs is number " + (i + 1));
            }
        }
    }

    private static Tested read(Path run) throws IOException {
        Path evaluationFile = run.resolve("evaluation.json");
        Path predictions = run.resolve("predictions.jsonl");
        if (!Files.exists(evaluationFile) || !Files.exists(predictions)) {
            throw new RunException(
                    run + ": has not been evaluated; it needs evaluation.json and predictions.jsonl, which "
                            + "'evaluate --out' writes");
        }
        Path file = evaluationFile;
        try (BufferedReader lines = Files.newBufferedReader(predictions)) {
            JsonNode evaluation = JsonMapper.shared().readTree(Files.readString(evaluationFile));
            Map<String, Integer> places = new HashMap<>();
            evaluation.path("labels").forEach(label -> places.put(label.asString(""), places.size()));
            file = predictions;
            List<String> keys = new ArrayList<>();
            List<Integer> truth = new ArrayList<>();
            List<Integer> answers = new ArrayList<>();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                JsonNode row = JsonMapper.shared().readTree(line);
                String label = row.path("label").asString("");
                Integer place = places.get(label);
                if (place == null) {
                    throw new RunException(predictions + ", line " + (keys.size() + 1) + ": the label \"" + label
                            + "\" is not among those of evaluation.json");
                }
                keys.add(label + "\n" + row.path("text").asString(""));
                truth.add(place);
                answers.add(places.getOrDefault(row.path("prediction").asString(""), -1));
            }
            return new Tested(run, evaluation, keys, ints(truth), ints(answers));
        } catch (JacksonException e) {
            throw new RunException(file + ": malformed JSON: " + e.getOriginalMessage());
        }
    }

    private static int[] ints(List<Integer> values) {
        return values.stream().mapToInt(Integer::intValue).toArray();
    }
}
