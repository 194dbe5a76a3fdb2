package dev.fenlei.cli.bench;

import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// Opening a model: weights are mapped, not read, so this is the time until the first pass can begin.
public final class LoadBenchmark {

    private LoadBenchmark() {}

    /// Measures the model, then the tokenizer.
    public static List<Measurement> run(Path model, Repetitions repetitions) throws IOException {
        try (CpuBackend backend = new CpuBackend()) {
            long[] parameters = {0};
            double[] weights = repetitions.seconds(() -> {
                try (Decoder decoder = Decoder.load(model, backend)) {
                    parameters[0] = decoder.config().parameters();
                }
            });
            int[] size = {0};
            double[] tokenizer = repetitions.seconds(() -> size[0] = Tokenizer.load(model).size());
            return List.of(
                    measurement("model", weights, Map.of("model", model.toString(), "parameters", parameters[0])),
                    measurement("tokenizer", tokenizer, Map.of("model", model.toString(), "size", size[0])));
        }
    }

    private static Measurement measurement(String name, double[] seconds, Map<String, Object> details) {
        return Measurement.of("load", name, "ms", Arrays.stream(seconds).map(s -> s * 1e3).toArray(), 1, details);
    }
}
