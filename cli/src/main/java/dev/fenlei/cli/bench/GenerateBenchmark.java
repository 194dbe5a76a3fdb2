package dev.fenlei.cli.bench;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.compute.cpu.ReadBenchmark;
import dev.fenlei.engine.compute.cpu.WorkerPool;
import dev.fenlei.engine.generate.Generation;
import dev.fenlei.engine.generate.Generator;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Quantization;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;

/// Reading a prompt and continuing it, one token at a time. The second is a matter of reading every matrix once for each
/// token, and is set beside what the memory can give.
public final class GenerateBenchmark {

    private final int promptTokens;
    private final int newTokens;

    /// @param promptTokens of a prompt of random ids
    /// @param newTokens to continue it with
    /// @throws IllegalArgumentException if one of them is too small
    public GenerateBenchmark(int promptTokens, int newTokens) {
        if (promptTokens < 1 || newTokens < 2) {
            throw new IllegalArgumentException("--prompt-tokens must be at least 1, --new-tokens at least 2");
        }
        this.promptTokens = promptTokens;
        this.newTokens = newTokens;
    }

    /// @throws UserErrorException if the model has too few positions
    public List<Measurement> run(Path model, CpuBackend backend, Quantization quantization, Repetitions repetitions)
            throws IOException {
        double[] bandwidth;
        try (WorkerPool pool = new WorkerPool(backend.threads())) {
            bandwidth = ReadBenchmark.run(pool, repetitions.timed());
        }
        try (Decoder decoder = Decoder.load(model, backend, quantization)) {
            int positions = decoder.config().maxPositions();
            if (promptTokens > positions - newTokens) {
                throw new UserErrorException("--prompt-tokens and --new-tokens together must not exceed the model's "
                        + positions + " positions");
            }
            int[] prompt = new SplittableRandom(1).ints(promptTokens, 0, decoder.config().vocabSize()).toArray();
            Generation settings = Generation.greedy(newTokens, Set.of(), decoder.config().vocabSize());
            List<Double> first = new ArrayList<>();
            List<Double> others = new ArrayList<>();
            repetitions.seconds(() -> {
                List<Long> times = new ArrayList<>(List.of(System.nanoTime()));
                Generator.generate(decoder, prompt, settings,
                        _ -> times.add(System.nanoTime()));
                first.add((times.get(1) - times.getFirst()) / 1e9);
                others.add((times.getLast() - times.get(1)) / 1e9);
            });
            Map<String, Object> details = Map.of(
                    "model", model.toString(), "prompt_tokens", promptTokens, "products", backend.name(),
                    "quantization", quantization.name().toLowerCase(Locale.ROOT));
            Measurement read = Measurement.of("generate", "read", "GB/s", bandwidth, backend.threads(), Map.of());
            Measurement prefill = Measurement.of(
                    "generate", "prefill", "tokens/s", rates(promptTokens, first, repetitions), backend.threads(),
                    details);
            Measurement decode = Measurement.of(
                    "generate", "decode", "tokens/s", rates(newTokens - 1, others, repetitions), backend.threads(),
                    details);
            long bytes = decoder.matrixBytes();
            return List.of(
                    read, prefill,
                    decode.with("matrix_bytes", bytes)
                            .with("share_of_read", decode.median() * bytes / 1e9 / read.median()));
        }
    }

    /// The rates of the runs that count, which are the last.
    private static double[] rates(int tokens, List<Double> seconds, Repetitions repetitions) {
        return seconds.stream().skip(seconds.size() - repetitions.timed()).mapToDouble(s -> tokens / s).toArray();
    }
}
