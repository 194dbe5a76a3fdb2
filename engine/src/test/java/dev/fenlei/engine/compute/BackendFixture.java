package dev.fenlei.engine.compute;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/// The backend under test beside the reference, with the same numbers in the tensors of both.
abstract class BackendFixture {

    /// Around every vector width and the sizes of blocks.
    static final int[] SIZES = {1, 2, 3, 5, 7, 8, 15, 16, 17, 31, 33, 63, 65, 100, 129};

    final Backend reference = new ReferenceBackend();
    final Random random = new Random(7);
    Backend subject = reference;

    /// The backend under test.
    protected abstract Backend create();

    /// Stores values in a tensor of the backend under test, which need not lie in host memory.
    protected void write(Tensor tensor, float[] values) {
        tensor.copyFrom(values);
    }

    /// All elements of a tensor of the backend under test.
    protected float[] read(Tensor tensor) {
        return tensor.toArray();
    }

    @BeforeEach
    void open() {
        subject = create();
    }

    @AfterEach
    void close() {
        subject.close();
        reference.close();
    }

    /// The same tensor in both backends.
    record Pair(Tensor subject, Tensor reference) {}

    /// Normally distributed elements. Every other tensor has gaps between its rows.
    Pair normal(DType dtype, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return pair(dtype, rows, columns, values);
    }

    Pair normal(int rows, int columns) {
        return normal(DType.F32, rows, columns);
    }

    /// An output that must be overwritten.
    Pair output(int rows, int columns) {
        float[] values = new float[rows * columns];
        Arrays.fill(values, Float.NaN);
        return pair(DType.F32, rows, columns, values);
    }

    Pair pair(DType dtype, int rows, int columns, float[] values) {
        int gap = random.nextBoolean() ? 3 : 0;
        Tensor ours = subject.allocate(dtype, rows, columns + gap).columns(0, columns);
        Tensor theirs = reference.allocate(dtype, rows, columns);
        write(ours, values);
        theirs.copyFrom(values);
        return new Pair(ours, theirs);
    }

    int[] randomIds(int count, int limit) {
        return random.ints(count, 0, limit).toArray();
    }

    /// Elements differ by at most `tolerance` times the larger of their own size and the root mean square of all.
    void assertSame(Pair pair, double tolerance, String what) {
        assertClose(read(pair.subject), pair.reference.toArray(), tolerance, what);
    }

    /// The same for arrays.
    static void assertClose(float[] actual, float[] expected, double tolerance, String what) {
        assertClose(actual, expected, tolerance, 0, what);
    }

    /// @param floor the size of the terms that are summed, where they may cancel
    static void assertClose(float[] actual, float[] expected, double tolerance, double floor, String what) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        double squares = 0;
        int finite = 0;
        for (float e : expected) {
            if (Float.isFinite(e)) {
                squares += (double) e * e;
                finite++;
            }
        }
        double rms = Math.max(floor, Math.sqrt(squares / Math.max(1, finite)));
        for (int i = 0; i < expected.length; i++) {
            if (Float.floatToIntBits(actual[i]) != Float.floatToIntBits(expected[i])) {
                double limit = tolerance * Math.max(rms, Math.abs(expected[i]));
                assertThat(Math.abs((double) actual[i] - expected[i]))
                        .as("%s, element %d: %s for %s", what, i, actual[i], expected[i])
                        .isLessThanOrEqualTo(limit);
            }
        }
    }

    static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) a[i] * b[i];
        }
        return sum;
    }
}
