package dev.fenlei.cli.bench;

import dev.fenlei.cli.JsonInput;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelConfig;
import dev.fenlei.engine.model.Quantization;
import dev.fenlei.lora.classify.LabelScorer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// Label scoring on given ids: `{"prefix_len": 60, "prompts": [[…]], "labels": [[…]]}`. Every prompt begins with the
/// same `prefix_len` tokens and is scored with every label. Labels may bring the end token along.
public final class ClassifyBenchmark {

    private static final long MAX_FILE_BYTES = 256L << 20;

    /// What was measured, and for each prompt the log-probability of each label.
    public record Result(List<Measurement> measurements, List<double[]> scores) {}

    private record Workload(int[] prefix, List<LabelScorer.Query> queries, int endToken, int tokens) {}

    private ClassifyBenchmark() {}

    /// @throws UserErrorException if the data do not have the form, or do not fit the model
    public static Result run(
            Path model, Path data, Backend backend, int threads, Quantization quantization, Repetitions repetitions)
            throws IOException {
        try (Decoder decoder = Decoder.load(model, backend, quantization)) {
            Workload work = read(data, decoder.config());
            List<double[]> scores = new ArrayList<>();
            // The common prefix is part of the work, as other systems have to compute it too.
            double[] seconds = repetitions.seconds(() -> {
                scores.clear();
                try (LabelScorer scorer = new LabelScorer(decoder, work.prefix(), work.endToken())) {
                    scores.addAll(scorer.score(work.queries()));
                }
            });
            int prompts = work.queries().size();
            Map<String, Object> details = Map.of(
                    "model", model.toString(),
                    "prompts", prompts,
                    "labels", work.queries().getFirst().labels().size(),
                    "products", backend.name());
            double[] promptRates = Arrays.stream(seconds).map(s -> prompts / s).toArray();
            double[] tokenRates = Arrays.stream(seconds).map(s -> work.tokens() / s).toArray();
            return new Result(
                    List.of(
                            Measurement.of(
                                    "classify", "prompts", "prompts/s", promptRates, threads, details),
                            Measurement.of(
                                    "classify", "prompt tokens", "tokens/s", tokenRates, threads, details)),
                    scores);
        }
    }

    private static Workload read(Path file, ModelConfig model) throws IOException {
        JsonNode root = JsonInput.readObject(file, MAX_FILE_BYTES);
        int prefixLength = root.path("prefix_len").asInt(0);
        List<int[]> prompts = sequences(root, "prompts", model, file);
        List<int[]> labels = sequences(root, "labels", model, file);
        int endToken = endToken(labels, model, file);
        List<int[]> stripped = labels.stream().map(label -> withoutEnd(label, endToken)).toList();
        int longest = stripped.stream().mapToInt(label -> label.length).max().orElse(0);
        if (longest == 0 || stripped.stream().anyMatch(label -> label.length == 0)) {
            throw new UserErrorException(file + ": a label holds nothing but the end token");
        }
        int[] prefix = Arrays.copyOf(prompts.getFirst(), Math.max(0, prefixLength));
        List<LabelScorer.Query> queries = new ArrayList<>();
        int tokens = 0;
        for (int[] prompt : prompts) {
            String where = file + ": prompts[" + queries.size() + "]";
            if (prompt.length <= prefix.length || Arrays.mismatch(prompt, prefix) != prefix.length) {
                throw new UserErrorException(where + " must begin with the " + prefix.length
                        + " tokens (prefix_len) of prompts[0] and go on");
            }
            if (prompt.length + longest > model.maxPositions()) {
                throw new UserErrorException(where + ": prompt and label have " + (prompt.length + longest)
                        + " tokens, the model takes " + model.maxPositions());
            }
            tokens += prompt.length;
            queries.add(new LabelScorer.Query(Arrays.copyOfRange(prompt, prefix.length, prompt.length), stripped));
        }
        return new Workload(prefix, queries, endToken, tokens);
    }

    private static List<int[]> sequences(JsonNode root, String field, ModelConfig model, Path file) {
        List<int[]> sequences = new ArrayList<>();
        for (JsonNode ids : root.path(field)) {
            sequences.add(JsonInput.ids(ids, model.vocabSize(), file + ": " + field + "[" + sequences.size() + "]"));
        }
        if (sequences.isEmpty()) {
            throw new UserErrorException(file + ": field '" + field + "' must be an array of arrays of token ids");
        }
        return sequences;
    }

    /// The one of the model's end tokens that the labels have, or its first.
    private static int endToken(List<int[]> labels, ModelConfig model, Path file) {
        int[] first = labels.getFirst();
        int last = first[first.length - 1];
        if (model.eosTokenIds().contains(last)) {
            return last;
        }
        return model.eosTokenIds().stream()
                .findFirst()
                .orElseThrow(() -> new UserErrorException(
                        file + ": the model's config.json has no eos_token_id, which must follow a label"));
    }

    private static int[] withoutEnd(int[] label, int endToken) {
        return label[label.length - 1] == endToken ? Arrays.copyOf(label, label.length - 1) : label;
    }
}
