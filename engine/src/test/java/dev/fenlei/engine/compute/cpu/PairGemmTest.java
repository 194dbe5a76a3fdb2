package dev.fenlei.engine.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.cpu.x86.Bf16Rung;
import dev.fenlei.engine.compute.cpu.x86.UnavailableException;
import dev.fenlei.engine.tensor.BFloat16;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Checks products in bfloat16 against float64 sums of the rounded operands, on every rung that this processor has.
class PairGemmTest {

    private static final int[][] SHAPES = {
        {9, 32, 32}, {9, 1, 1}, {100, 33, 65}, {97, 64, 128}, {200, 100, 130}, {33, 40, 1056}, {300, 70, 31},
        {130, 257, 64}, {12, 700, 8}, {96, 96, 512}, {10, 8, 2}
    };

    private static final int RANK = 5;

    @ParameterizedTest
    @ValueSource(strings = {"avx512", "amx"})
    void agreesWithFloat64OfRoundedOperands(String name) {
        Bf16Rung rung = rung(name);
        for (int[] shape : SHAPES) {
            for (boolean transposeB : new boolean[] {false, true}) {
                for (DType typeOfB : DType.values()) {
                    check(rung, shape, transposeB, typeOfB, 0, false);
                    check(rung, shape, transposeB, typeOfB, 3, true);
                }
            }
        }
    }

    private static void check(
            Bf16Rung rung, int[] shape, boolean transposeB, DType typeOfB, int gap, boolean lowRank) {
        int m = shape[0];
        int n = shape[1];
        int k = shape[2];
        SplittableRandom random = new SplittableRandom(Arrays.hashCode(shape));
        try (Arena arena = Arena.ofShared(); WorkerPool one = new WorkerPool(1); WorkerPool two = new WorkerPool(2)) {
            Tensor a = random(arena, DType.F32, m, k, gap, random);
            Tensor b = random(arena, typeOfB, transposeB ? n : k, transposeB ? k : n, gap, random);
            Tensor u = random(arena, DType.F32, m, RANK, gap, random);
            Tensor v = random(arena, DType.F32, transposeB ? n : RANK, transposeB ? RANK : n, gap, random);
            Tensor before = random(arena, DType.F32, m, n, gap, random);
            float alpha = lowRank ? 1 : -0.75f;
            for (float beta : new float[] {0, 0.5f}) {
                Tensor c = run(new Gemm(one, rung), arena, a, b, u, v, transposeB, lowRank, alpha, beta, before);
                Tensor again = run(new Gemm(two, rung), arena, a, b, u, v, transposeB, lowRank, alpha, beta, before);
                for (int i = 0; i < m; i++) {
                    for (int j = 0; j < n; j++) {
                        assertThat(again.get(i, j)).isEqualTo(c.get(i, j));
                        double[] product = product(a, b, transposeB, i, j);
                        double[] update = lowRank ? product(u, v, transposeB, i, j) : new double[2];
                        double old = beta * (double) before.get(i, j);
                        double expected = alpha * (product[0] + update[0]) + old;
                        double tolerance = 2e-6 * (product[1] + update[1] + Math.abs(old)) + 1e-30;
                        if (!(Math.abs(c.get(i, j) - expected) <= tolerance)) {
                            throw new AssertionError(a + " · " + b + (transposeB ? "ᵀ" : "") + ", beta " + beta
                                    + ": element " + i + ", " + j + " is " + c.get(i, j) + ", expected " + expected);
                        }
                    }
                }
            }
        }
    }

    private static Tensor run(
            Gemm gemm, Arena arena, Tensor a, Tensor b, Tensor u, Tensor v, boolean transposeB, boolean lowRank,
            float alpha, float beta, Tensor before) {
        Tensor c = new Tensor(
                arena.allocate(before.memory().byteSize(), 64), DType.F32, before.rows(), before.columns(),
                before.stride());
        c.memory().copyFrom(before.memory());
        if (lowRank) {
            gemm.lowRankMatmul(a, b, u, v, transposeB, beta, c);
        } else {
            gemm.matmul(a, false, b, transposeB, alpha, beta, c);
        }
        return c;
    }

    /// One element of `a · op(b)`, and the sum of its terms' magnitudes.
    private static double[] product(Tensor a, Tensor b, boolean transposeB, int row, int column) {
        double[] sums = new double[2];
        for (int i = 0; i < a.columns(); i++) {
            double term = rounded(a.get(row, i)) * rounded(transposeB ? b.get(column, i) : b.get(i, column));
            sums[0] += term;
            sums[1] += Math.abs(term);
        }
        return sums;
    }

    private static double rounded(float value) {
        return BFloat16.toFloat(BFloat16.fromFloat(value));
    }

    private static Tensor random(Arena arena, DType dtype, int rows, int columns, int gap, SplittableRandom random) {
        int stride = columns + gap;
        // Ends with the last row's last element, so that reading beyond it is noticed.
        long size = ((long) (rows - 1) * stride + columns) * dtype.bytes();
        Tensor scales = dtype == DType.I8 ? random(arena, DType.F32, rows, 1, 0, random) : null;
        Tensor tensor = new Tensor(arena.allocate(size, 64), dtype, rows, columns, stride, scales, null);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                tensor.set(i, j, (float) random.nextDouble() - 0.5f);
            }
        }
        return tensor;
    }

    @ParameterizedTest
    @ValueSource(strings = {"avx512", "amx"})
    void closedMemoryIsNotTouched(String name) {
        Bf16Rung rung = rung(name);
        try (Arena open = Arena.ofShared(); WorkerPool pool = new WorkerPool(1)) {
            Tensor weight;
            try (Arena closed = Arena.ofShared()) {
                weight = random(closed, DType.BF16, 32, 64, 0, new SplittableRandom(1));
            }
            Tensor x = random(open, DType.F32, 16, 64, 0, new SplittableRandom(2));
            Tensor y = random(open, DType.F32, 16, 32, 0, new SplittableRandom(3));
            assertThatThrownBy(() -> new Gemm(pool, rung).matmul(x, false, weight, true, 1, 0, y))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
        }
    }

    @Test
    void whatIsRefusedSaysWhy() {
        for (String name : new String[] {"none", "sse"}) {
            try {
                Bf16Rung.select(name);
                throw new AssertionError(name + " was accepted");
            } catch (UnavailableException e) {
                assertThat(e.reason()).contains(name).contains(Bf16Rung.PROPERTY);
            }
        }
    }

    private static Bf16Rung rung(String name) {
        try {
            return Bf16Rung.select(name);
        } catch (UnavailableException e) {
            Assumptions.abort("not this processor: " + e.reason());
            throw new AssertionError(e);
        }
    }
}
