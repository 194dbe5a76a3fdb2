package dev.fenlei.cli.bench;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.compute.cpu.GemmBenchmark;
import dev.fenlei.engine.compute.cpu.WorkerPool;
import dev.fenlei.engine.tensor.DType;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Matrix products of given shapes, beside the multiply-add peak of the processor.
public final class GemmShapes {

    private static final Pattern SHAPE = Pattern.compile("(\\d{1,6})x(\\d{1,6})x(\\d{1,6})(?::(f32|f16|bf16))?");

    private GemmShapes() {}

    /// A product `activations × weightsᵀ`.
    ///
    /// @param text `MxNxK` or `MxNxK:bf16`, the type of the weights
    /// @throws UserErrorException if it has another form
    public static GemmBenchmark.Case parse(String text) {
        Matcher matcher = SHAPE.matcher(text.toLowerCase(Locale.ROOT));
        if (!matcher.matches() || text.startsWith("0") || text.contains("x0")) {
            throw new UserErrorException(
                    "--shape " + text + ": expected MxNxK, such as 384x1024x1024 or 384x1024x1024:bf16");
        }
        String dtype = matcher.group(4) == null ? "f32" : matcher.group(4);
        return new GemmBenchmark.Case(
                Integer.parseInt(matcher.group(1)),
                Integer.parseInt(matcher.group(2)),
                Integer.parseInt(matcher.group(3)),
                false,
                true,
                DType.valueOf(dtype.toUpperCase(Locale.ROOT)));
    }

    /// Measures the peak and every case.
    ///
    /// @param precision what the products are computed in
    public static List<Measurement> run(
            List<GemmBenchmark.Case> cases, int threads, Precision precision, int repetitions) {
        try (WorkerPool pool = new WorkerPool(threads)) {
            List<GemmBenchmark.Result> results = GemmBenchmark.run(cases, pool, precision, repetitions);
            double peak = results.getFirst().median();
            return results.stream()
                    .map(result -> new Measurement(
                            "gemm", result.shape(), "GFLOP/s", result.min(), result.median(), result.max(), repetitions,
                            result.threads(), CpuBackend.vectorBits(), Measurement.residentPeakBytes(),
                            Map.of("dtype", result.dtype(), "products", result.products(), "share_of_peak",
                                    result.median() / peak)))
                    .toList();
        }
    }
}
