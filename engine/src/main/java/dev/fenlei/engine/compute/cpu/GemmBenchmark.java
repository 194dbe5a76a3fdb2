package dev.fenlei.engine.compute.cpu;

import static dev.fenlei.engine.compute.cpu.GemmKernel.FLOATS;
import static dev.fenlei.engine.compute.cpu.GemmKernel.LANES;

import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.x86.Bf16Rung;
import dev.fenlei.engine.compute.cpu.x86.TileKernel;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import jdk.incubator.vector.FloatVector;

/// Measures the speed of [Gemm] and, for comparison, the multiply-add peak of the processor.
public final class GemmBenchmark {

    private static final long WARM_UP_NANOS = 1_500_000_000L;
    private static final double MIN_SAMPLE_NANOS = 2e6;

    private GemmBenchmark() {}

    /// A product to measure: `m × k` by `k × n`.
    ///
    /// @param dtype the type of `b`; `a` and `c` are F32
    public record Case(int m, int n, int k, boolean transposeA, boolean transposeB, DType dtype) {

        @Override
        public String toString() {
            return m + " x " + n + " x " + k + (transposeA ? " t" : " n") + (transposeB ? "t" : "n");
        }
    }

    /// What was measured.
    ///
    /// @param shape `m x n x k` and the transpositions
    /// @param dtype the type of `b`
    /// @param products what computed it
    /// @param median the median over the repetitions, in 10⁹ floating-point operations per second, as are `min` and `max`
    public record Result(
            String shape, String dtype, String products, int threads, double median, double min, double max) {}

    /// The shapes of LoRA training with 2,000 tokens (hidden size 256) and 384 tokens (hidden size 1024), and of
    /// generation.
    public static List<Case> standardCases() {
        return List.of(
                new Case(2000, 256, 256, false, true, DType.F32),
                new Case(2000, 704, 256, false, true, DType.F32),
                new Case(2000, 256, 704, false, true, DType.F32),
                new Case(2000, 256, 256, false, false, DType.F32),
                new Case(384, 1024, 1024, false, true, DType.F32),
                new Case(384, 1024, 1024, false, true, DType.BF16),
                new Case(384, 2816, 1024, false, true, DType.BF16),
                new Case(384, 1024, 2816, false, false, DType.BF16),
                new Case(64, 1024, 1024, false, true, DType.BF16),
                new Case(2000, 8, 256, false, true, DType.F32),
                new Case(2000, 256, 8, false, true, DType.F32),
                new Case(8, 256, 2000, true, false, DType.F32),
                new Case(256, 8, 2000, true, false, DType.F32),
                new Case(1, 2816, 1024, false, true, DType.BF16),
                new Case(4, 2816, 1024, false, true, DType.BF16));
    }

    /// Measures every case and, first, the peak (shape `peak`), each `repetitions` times. In bfloat16 the peak is what the
    /// machine code reaches on operands in the first-level cache.
    ///
    /// @throws IllegalArgumentException if this machine has no instructions for the precision
    public static List<Result> run(List<Case> cases, WorkerPool pool, Precision precision, int repetitions) {
        Bf16Rung rung = precision == Precision.BF16 ? rung() : null;
        Gemm gemm = new Gemm(pool, rung);
        String products = rung == null ? "f32" : "bf16, " + rung.name();
        return IntStream.rangeClosed(0, cases.size())
                .mapToObj(i -> {
                    if (i > 0) {
                        return measure(gemm, products, pool, cases.get(i - 1), repetitions);
                    }
                    return rung == null ? peak(pool, repetitions) : peak(rung, products, pool, repetitions);
                })
                .toList();
    }

    private static Bf16Rung rung() {
        return Bf16Rung.best()
                .orElseThrow(() -> new IllegalArgumentException("cannot multiply in bfloat16: " + Bf16Rung.whyNone()));
    }

    /// One group of rows by one panel, over and over, on every thread.
    private static Result peak(Bf16Rung rung, String products, WorkerPool pool, int repetitions) {
        TileKernel kernel = rung.tile();
        int slots = 128;
        int runs = 1000;
        long operands = Math.max(kernel.rows(), TileKernel.COLUMNS) * slots * 4L;
        long tile = (long) kernel.rows() * TileKernel.COLUMNS * Float.BYTES;
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(pool.threads() * (2 * operands + tile), 64);
            double[] rates = time(
                    2.0 * kernel.rows() * TileKernel.COLUMNS * 2 * slots * runs * pool.threads(), repetitions,
                    () -> pool.parallel(pool.threads(), thread -> {
                        long a = memory.address() + thread * (2 * operands + tile);
                        for (int i = 0; i < runs; i++) {
                            kernel.multiply(a, slots * 4L, a + operands, slots, a + 2 * operands, 1, false);
                        }
                    }));
            return result("peak", "BF16", products, pool.threads(), rates);
        }
    }

    private static Result measure(Gemm gemm, String products, WorkerPool pool, Case shape, int repetitions) {
        try (Arena arena = Arena.ofShared()) {
            int m = shape.m;
            int n = shape.n;
            int k = shape.k;
            Tensor a = random(arena, DType.F32, shape.transposeA ? k : m, shape.transposeA ? m : k);
            Tensor b = random(arena, shape.dtype, shape.transposeB ? n : k, shape.transposeB ? k : n);
            Tensor c = random(arena, DType.F32, m, n);
            double[] rates = time(2.0 * m * n * k, repetitions,
                    () -> gemm.matmul(a, shape.transposeA, b, shape.transposeB, 1, 0, c));
            return result(shape.toString(), shape.dtype.name(), products, pool.threads(), rates);
        }
    }

    /// Twelve independent chains of multiply-adds in registers, on every thread.
    private static Result peak(WorkerPool pool, int repetitions) {
        int steps = 100_000;
        float[] sink = new float[pool.threads() * LANES];
        double[] rates = time(2.0 * 12 * LANES * steps * pool.threads(), repetitions,
                () -> pool.parallel(pool.threads(), thread -> multiplyAdds(steps, sink, thread * LANES)));
        return result("peak", "F32", "f32", pool.threads(), rates);
    }

    private static void multiplyAdds(int steps, float[] sink, int at) {
        FloatVector x = FloatVector.broadcast(FLOATS, 0.999f);
        FloatVector y = FloatVector.broadcast(FLOATS, 0.001f);
        FloatVector c0 = x, c1 = x, c2 = x, c3 = x, c4 = x, c5 = x, c6 = x, c7 = x, c8 = x, c9 = x, c10 = x, c11 = x;
        for (int i = 0; i < steps; i++) {
            c0 = c0.fma(x, y);
            c1 = c1.fma(x, y);
            c2 = c2.fma(x, y);
            c3 = c3.fma(x, y);
            c4 = c4.fma(x, y);
            c5 = c5.fma(x, y);
            c6 = c6.fma(x, y);
            c7 = c7.fma(x, y);
            c8 = c8.fma(x, y);
            c9 = c9.fma(x, y);
            c10 = c10.fma(x, y);
            c11 = c11.fma(x, y);
        }
        c0.add(c1).add(c2).add(c3).add(c4).add(c5).add(c6).add(c7).add(c8).add(c9).add(c10).add(c11)
                .intoArray(sink, at);
    }

    /// Warms up by wall time, as compilation takes that long, then times batches of runs that a clock can resolve.
    private static double[] time(double operations, int repetitions, Runnable body) {
        long start = System.nanoTime();
        int runs = 0;
        while (System.nanoTime() - start < WARM_UP_NANOS) {
            body.run();
            runs++;
        }
        int batch = Math.max(1, (int) (MIN_SAMPLE_NANOS * runs / WARM_UP_NANOS));
        double[] rates = new double[repetitions];
        for (int r = 0; r < repetitions; r++) {
            long begin = System.nanoTime();
            for (int i = 0; i < batch; i++) {
                body.run();
            }
            rates[r] = operations * batch / (System.nanoTime() - begin);
        }
        return rates;
    }

    private static Result result(String shape, String dtype, String products, int threads, double[] rates) {
        Arrays.sort(rates);
        return new Result(shape, dtype, products, threads, rates[rates.length / 2], rates[0], rates[rates.length - 1]);
    }

    private static Tensor random(Arena arena, DType dtype, int rows, int columns) {
        Tensor tensor = Tensor.of(arena.allocate((long) rows * columns * dtype.bytes(), 64), dtype, rows, columns);
        SplittableRandom random = new SplittableRandom(1);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                tensor.set(r, c, (float) random.nextDouble() - 0.5f);
            }
        }
        return tensor;
    }
}
