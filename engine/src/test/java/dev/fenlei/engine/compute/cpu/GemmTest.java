package dev.fenlei.engine.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.tensor.BFloat16;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Int8;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Checks [Gemm] against float64, at shapes around every block size and in every combination of transposes.
class GemmTest {

    private static final int[][] SHAPES = {
        {1, 1, 1}, {1, 37, 5}, {2, 3, 300}, {3, 64, 17}, {4, 33, 256}, {7, 7, 7}, {8, 8, 257}, {9, 31, 33},
        {8, 256, 530}, {16, 48, 31}, {17, 32, 16}, {31, 1, 65}, {63, 65, 64}, {64, 16, 8}, {65, 17, 1}, {66, 15, 600},
        {96, 8, 96}, {100, 8, 8}, {127, 96, 255}, {130, 70, 513}, {200, 9, 300}, {256, 16, 16}, {70, 1030, 20},
        {65, 40, 3000}, {129, 257, 130}, {1, 2100, 64}, {1, 35, 1040}
    };

    private static final WorkerPool ONE = new WorkerPool(1);
    private static final WorkerPool TWO = new WorkerPool(2);
    private static final WorkerPool THREE = new WorkerPool(3);

    @AfterAll
    static void closePools() {
        ONE.close();
        TWO.close();
        THREE.close();
    }

    @Test
    void agreesWithFloat64() {
        for (int[] shape : SHAPES) {
            for (int transposes = 0; transposes < 4; transposes++) {
                for (DType typeOfB : DType.values()) {
                    check(shape, (transposes & 1) != 0, (transposes & 2) != 0, DType.F32, typeOfB);
                }
                check(shape, (transposes & 1) != 0, (transposes & 2) != 0, DType.BF16, DType.F32);
                check(shape, (transposes & 1) != 0, (transposes & 2) != 0, DType.F16, DType.BF16);
            }
        }
    }

    /// One shape on one to three threads, for several beta; with gaps between rows if `b` is F32, with an alpha other
    /// than 1 if `a` is not.
    private static void check(int[] shape, boolean transposeA, boolean transposeB, DType typeOfA, DType typeOfB) {
        int m = shape[0];
        int n = shape[1];
        int k = shape[2];
        SplittableRandom random = new SplittableRandom(m * 31L + n * 17L + k);
        int gap = typeOfB == DType.F32 ? 3 : 0;
        float alpha = typeOfA == DType.F32 ? 1 : -0.75f;
        try (Arena arena = Arena.ofShared()) {
            Tensor a = random(arena, typeOfA, transposeA ? k : m, transposeA ? m : k, gap, random);
            Tensor b = random(arena, typeOfB, transposeB ? n : k, transposeB ? k : n, gap, random);
            Tensor before = random(arena, DType.F32, m, n, gap, random);
            double[] product = new double[m * n];
            double[] magnitude = new double[m * n];
            multiply(a, transposeA, b, transposeB, k, n, product, magnitude);
            for (float beta : new float[] {0, 1, 0.5f}) {
                Tensor c = copyOf(arena, before);
                new Gemm(ONE).matmul(a, transposeA, b, transposeB, alpha, beta, c);
                for (int i = 0; i < m * n; i++) {
                    double old = beta * (double) before.get(i / n, i % n);
                    double expected = alpha * product[i] + old;
                    double tolerance = 1e-6 * (magnitude[i] + Math.abs(old)) + 1e-30;
                    float actual = c.get(i / n, i % n);
                    if (!(Math.abs(actual - expected) <= tolerance)) {
                        throw new AssertionError(a + (transposeA ? "ᵀ · " : " · ") + b + (transposeB ? "ᵀ" : "")
                                + ", alpha " + alpha + ", beta " + beta + ": element " + i / n + ", " + i % n + " is "
                                + actual + ", not " + expected);
                    }
                }
                for (WorkerPool pool : new WorkerPool[] {TWO, THREE}) {
                    Tensor other = copyOf(arena, before);
                    new Gemm(pool).matmul(a, transposeA, b, transposeB, alpha, beta, other);
                    assertThat(other.memory().mismatch(c.memory())).as("%s threads", pool.threads()).isEqualTo(-1);
                }
            }
        }
    }

    @Test
    void leavesTheGapsBetweenRowsAlone() {
        try (Arena arena = Arena.ofShared()) {
            for (int m : new int[] {2, 20, 100}) {
                Tensor a = random(arena, DType.F32, m, 5, 0, new SplittableRandom(1));
                Tensor b = random(arena, DType.F32, 5, 19, 0, new SplittableRandom(2));
                Tensor whole = tensor(arena, DType.F32, m, 40);
                for (int i = 0; i < m * 40; i++) {
                    whole.set(i / 40, i % 40, 7);
                }
                new Gemm(TWO).matmul(a, false, b, false, 1, 0, whole.columns(3, 22));
                for (int i = 0; i < m * 40; i++) {
                    if (i % 40 < 3 || i % 40 >= 22) {
                        assertThat(whole.get(i / 40, i % 40)).isEqualTo(7);
                    }
                }
            }
        }
    }

    @Test
    void betaOfZeroOverwritesNaN() {
        try (Arena arena = Arena.ofShared()) {
            for (int[] shape : SHAPES) {
                for (int transposes = 0; transposes < 4; transposes++) {
                    boolean transposeA = (transposes & 1) != 0;
                    boolean transposeB = (transposes & 2) != 0;
                    Tensor a = tensor(arena, DType.F32, shape[transposeA ? 2 : 0], shape[transposeA ? 0 : 2]);
                    Tensor b = tensor(arena, DType.F32, shape[transposeB ? 1 : 2], shape[transposeB ? 2 : 1]);
                    Tensor c = filled(arena, shape[0], shape[1], Float.NaN);
                    new Gemm(TWO).matmul(a, transposeA, b, transposeB, 1, 0, c);
                    assertThat(c.toArray()).containsOnly(0f);
                }
            }
        }
    }

    @Test
    void anEmptySumScalesTheOutput() {
        try (Arena arena = Arena.ofShared()) {
            Tensor a = tensor(arena, DType.F32, 3, 0);
            Tensor b = tensor(arena, DType.F32, 0, 70);
            Tensor c = filled(arena, 3, 70, 2);
            Gemm gemm = new Gemm(ONE);
            gemm.matmul(a, false, b, false, 1, 0.5f, c);
            assertThat(c.toArray()).containsOnly(1f);
            Tensor nan = filled(arena, 3, 70, Float.NaN);
            gemm.matmul(a, false, b, false, 1, 0, nan);
            assertThat(nan.toArray()).containsOnly(0f);
            gemm.matmul(tensor(arena, DType.F32, 0, 4), false, tensor(arena, DType.F32, 4, 5), false, 1, 0,
                    tensor(arena, DType.F32, 0, 5));
        }
    }

    @Test
    void refusesShapesThatDoNotFit() {
        try (Arena arena = Arena.ofShared()) {
            Tensor a = tensor(arena, DType.F32, 3, 4);
            Gemm gemm = new Gemm(ONE);
            assertThatThrownBy(() -> gemm.matmul(a, false, a, false, 1, 0, a))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("F32[3 x 4]");
            assertThatThrownBy(() -> gemm.matmul(a, false, a, true, 1, 0, tensor(arena, DType.BF16, 3, 3)))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("BF16[3 x 3]");
        }
    }

    /// Every bit pattern of both 16-bit types.
    @Test
    void widensExactly() {
        try (Arena arena = Arena.ofShared()) {
            for (DType dtype : new DType[] {DType.BF16, DType.F16}) {
                Tensor all = tensor(arena, dtype, 256, 256);
                for (int i = 0; i < 65536; i++) {
                    all.memory().set(ValueLayout.JAVA_SHORT, i * 2L, (short) i);
                }
                float[] packed = new float[65536];
                GemmPack.copy(all, 0, 0, 256, 256, packed, 0, 256);
                for (int i = 0; i < 65536; i++) {
                    float expected = dtype == DType.BF16
                            ? BFloat16.toFloat((short) i)
                            : Float.float16ToFloat((short) i);
                    boolean same = Float.isNaN(expected)
                            ? Float.isNaN(packed[i])
                            : Float.floatToRawIntBits(packed[i]) == Float.floatToRawIntBits(expected);
                    if (!same) {
                        throw new AssertionError(dtype + " bits " + Integer.toHexString(i) + " became " + packed[i]);
                    }
                }
            }
        }
    }

    /// The vector width is fixed when classes are loaded, so each width runs this class in a JVM of its own.
    @ParameterizedTest
    @ValueSource(ints = {128, 256, 512})
    void agreesAtEveryVectorWidth(int bits) throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        Process process = new ProcessBuilder(java, "--add-modules", "jdk.incubator.vector",
                "-Dfenlei.vector.bits=" + bits,
                "-cp", System.getProperty("java.class.path"), GemmTest.class.getName())
                .inheritIO()
                .start();
        try {
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
            assertThat(process.exitValue()).isZero();
        } finally {
            process.destroyForcibly();
        }
    }

    /// Runs the comparison; an error ends the JVM with a code other than zero.
    public static void main(String[] args) {
        GemmTest test = new GemmTest();
        test.widensExactly();
        for (int i = 0; i < SHAPES.length * 2; i++) {
            check(SHAPES[i / 2], i % 3 == 0, i % 2 == 0, DType.F32, i % 4 < 2 ? DType.F32 : DType.BF16);
        }
        closePools();
    }

    private static void multiply(
            Tensor a, boolean transposeA, Tensor b, boolean transposeB, int k, int n, double[] product,
            double[] magnitude) {
        float[] left = a.toArray();
        float[] right = b.toArray();
        int m = product.length / n;
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                double absolute = 0;
                for (int p = 0; p < k; p++) {
                    double term = (double) left[transposeA ? p * m + i : i * k + p]
                            * right[transposeB ? j * k + p : p * n + j];
                    sum += term;
                    absolute += Math.abs(term);
                }
                product[i * n + j] = sum;
                magnitude[i * n + j] = absolute;
            }
        }
    }

    private static Tensor tensor(Arena arena, DType dtype, int rows, int columns) {
        MemorySegment memory = arena.allocate((long) rows * columns * dtype.bytes(), 64);
        if (dtype != DType.I8) {
            return Tensor.of(memory, dtype, rows, columns);
        }
        Tensor scales = tensor(arena, DType.F32, rows, 1);
        for (int r = 0; r < rows; r++) {
            scales.set(r, 0, 1f / Int8.MAX / (1 + r % 3));
        }
        return Tensor.int8(memory, rows, columns, scales);
    }

    private static Tensor filled(Arena arena, int rows, int columns, float value) {
        Tensor tensor = tensor(arena, DType.F32, rows, columns);
        for (int i = 0; i < rows * columns; i++) {
            tensor.set(i / columns, i % columns, value);
        }
        return tensor;
    }

    /// Random values; the gaps between rows hold NaN.
    private static Tensor random(Arena arena, DType dtype, int rows, int columns, int gap, SplittableRandom random) {
        Tensor whole = tensor(arena, dtype, rows, columns + gap);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns + gap; c++) {
                whole.set(r, c, c < columns ? (float) random.nextDouble(-1, 1) : Float.NaN);
            }
        }
        return whole.columns(0, columns);
    }

    private static Tensor copyOf(Arena arena, Tensor from) {
        Tensor copy = new Tensor(
                arena.allocate(from.memory().byteSize(), 64), DType.F32, from.rows(), from.columns(), from.stride());
        copy.memory().copyFrom(from.memory());
        return copy;
    }
}
