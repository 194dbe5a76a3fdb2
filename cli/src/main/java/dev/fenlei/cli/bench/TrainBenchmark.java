package dev.fenlei.cli.bench;

import dev.fenlei.cli.Interruption;
import dev.fenlei.cli.JsonInput;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelConfig;
import dev.fenlei.engine.model.Quantization;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.adapter.TargetModules;
import dev.fenlei.lora.train.Schedule;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingExample;
import dev.fenlei.lora.train.TrainingSettings;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/// LoRA training on given ids: rows of `{"prompt_ids": […], "label_ids": […]}`, in their order.
///
/// @param steps optimizer steps that count
/// @param warmUp steps before them
/// @param batchSize examples in a pass
/// @param accumulation passes in a step
/// @param rank of the adapter on all linear maps; alpha is four times as much
/// @param dropout of the adapter
public record TrainBenchmark(int steps, int warmUp, int batchSize, int accumulation, int rank, double dropout) {

    private static final long MAX_FILE_BYTES = 1L << 30;
    private static final int MAX_STEPS = 1_000_000;
    private static final double LEARNING_RATE = 1e-4;
    private static final long SEED = 42;

    /// What was measured, and the loss of every step, warm-up included.
    public record Result(List<Measurement> measurements, List<Double> losses) {}

    public TrainBenchmark {
        if (steps < 1 || warmUp < 0 || (long) steps + warmUp > MAX_STEPS) {
            throw new IllegalArgumentException(
                    "--steps must be at least 1, --warm-up not negative, and both together at most " + MAX_STEPS);
        }
        if (batchSize < 1 || accumulation < 1) {
            throw new IllegalArgumentException("--batch-size and --grad-accum must be at least 1");
        }
        LoraConfig _ = lora(rank, dropout); // refuses what is impossible
    }

    private static LoraConfig lora(int rank, double dropout) {
        return LoraConfig.of(rank, 4.0 * rank, dropout, TargetModules.LINEAR);
    }

    /// Examples in a step.
    private int window() {
        return Math.multiplyExact(batchSize, accumulation);
    }

    /// @throws UserErrorException if the data do not have the form, or do not fit the model
    public Result run(
            Path model, Path data, Backend backend, int threads, Quantization quantization, Interruption interruption)
            throws IOException {
        try (Decoder decoder = Decoder.load(model, backend, quantization)) {
            List<TrainingExample> examples = read(data, decoder.config());
            Adapter adapter = Adapter.create(decoder, lora(rank, dropout), SEED);
            List<Trainer.Step> done = new ArrayList<>();
            List<Long> times = new ArrayList<>(List.of(System.nanoTime()));
            new Trainer(decoder, adapter.parameters(), settings(examples.size())).train(examples, step -> {
                times.add(System.nanoTime());
                done.add(step);
                return !interruption.requested();
            });
            interruption.throwIfRequested();
            return result(model, done, times, examples.size(), backend, threads);
        }
    }

    private TrainingSettings settings(int examples) {
        int all = steps + warmUp;
        int perEpoch = Math.ceilDiv(examples, window());
        return new TrainingSettings(
                Math.ceilDiv(all, perEpoch), batchSize, accumulation, LEARNING_RATE, Schedule.CONSTANT, 0, 0, 0.9,
                0.999, 1e-8, 1,
                SEED, false, false, all, null);
    }

    private Result result(Path model, List<Trainer.Step> done, List<Long> times, int examples, Backend backend,
            int threads) {
        int perEpoch = Math.ceilDiv(examples, window());
        double[] tokens = new double[steps];
        double[] rows = new double[steps];
        for (int i = 0; i < steps; i++) {
            int step = warmUp + i;
            double seconds = (times.get(step + 1) - times.get(step)) / 1e9;
            // The last step of an epoch takes what is left of it.
            int count = Math.min(window(), examples - step % perEpoch * window());
            tokens[i] = done.get(step).tokens() / seconds;
            rows[i] = count / seconds;
        }
        Map<String, Object> details = Map.of(
                "model", model.toString(),
                "batch_size", batchSize,
                "grad_accum", accumulation,
                "lora_r", rank,
                "lora_dropout", dropout,
                "products", backend.name(),
                "warm_up", warmUp,
                "first_loss", done.getFirst().loss(),
                "last_loss", done.getLast().loss());
        return new Result(
                List.of(
                        Measurement.of("train", "tokens", "tokens/s", tokens, threads, details),
                        Measurement.of("train", "examples", "examples/s", rows, threads, details)),
                done.stream().map(Trainer.Step::loss).toList());
    }

    private static List<TrainingExample> read(Path file, ModelConfig model) throws IOException {
        JsonInput.requireSize(file, MAX_FILE_BYTES);
        List<TrainingExample> examples = new ArrayList<>();
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            int number = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                if (!line.isBlank()) {
                    examples.add(example(line, file + ", line " + number, model));
                }
            }
        }
        if (examples.isEmpty()) {
            throw new UserErrorException(file + ": holds no example");
        }
        return examples;
    }

    private static TrainingExample example(String line, String where, ModelConfig model) {
        JsonNode row = JsonInput.parseObject(line, where);
        int[] prompt = JsonInput.ids(row.path("prompt_ids"), model.vocabSize(), where + ", field prompt_ids");
        int[] label = JsonInput.ids(row.path("label_ids"), model.vocabSize(), where + ", field label_ids");
        if (prompt.length + label.length - 1 > model.maxPositions()) {
            throw new UserErrorException(where + ": prompt and label have " + (prompt.length + label.length)
                    + " tokens, the model takes " + model.maxPositions());
        }
        int[] ids = IntStream.concat(Arrays.stream(prompt), Arrays.stream(label)).toArray();
        return new TrainingExample(ids, prompt.length);
    }
}
