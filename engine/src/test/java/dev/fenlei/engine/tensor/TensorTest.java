package dev.fenlei.engine.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.math.BigDecimal;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TensorTest {

    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void close() {
        arena.close();
    }

    /// Element (r, c) is 10·r + c.
    private Tensor counting(DType dtype, int rows, int columns) {
        MemorySegment memory = arena.allocate((long) rows * columns * dtype.bytes(), 64);
        Tensor tensor = dtype == DType.I8
                ? Tensor.int8(memory, rows, columns, ones(rows))
                : Tensor.of(memory, dtype, rows, columns);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                tensor.set(r, c, 10 * r + c);
            }
        }
        return tensor;
    }

    private Tensor ones(int rows) {
        Tensor scales = Tensor.of(arena.allocate(4L * rows), DType.F32, rows, 1);
        scales.copyFrom(new float[] {1, 1, 1, 1});
        return scales;
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void slicesShareMemoryAndKeepTheStride(DType dtype) {
        Tensor tensor = counting(dtype, 4, 6);
        Tensor slice = tensor.rows(1, 3).columns(2, 5);
        assertThat(slice.toArray()).containsExactly(12, 13, 14, 22, 23, 24);
        assertThat(slice.stride()).isEqualTo(6);
        assertThat(slice.isContiguous()).isFalse();
        assertThat(slice.row(1).isContiguous()).isTrue();
        assertThat(slice.address()).isEqualTo(tensor.address() + 8L * dtype.bytes());
        slice.set(1, 2, -1);
        assertThat(tensor.get(2, 4)).isEqualTo(-1);
        if (dtype == DType.I8) {
            return;
        }
        slice.copyFrom(new float[] {1, 2, 3, 4, 5, 6});
        assertThat(tensor.row(1).toArray()).containsExactly(10, 11, 1, 2, 3, 15);
        assertThat(tensor.row(2).toArray()).containsExactly(20, 21, 4, 5, 6, 25);
    }

    @Test
    void emptySlicesHaveAShape() {
        Tensor tensor = counting(DType.F32, 3, 4);
        assertThat(tensor.rows(3, 3).rows()).isZero();
        assertThat(tensor.columns(4, 4).size()).isZero();
        assertThat(tensor.rows(1, 1).toArray()).isEmpty();
    }

    @Test
    void reshapeNeedsContiguousElementsOfTheSameNumber() {
        Tensor tensor = counting(DType.F32, 2, 6);
        assertThat(tensor.reshape(4, 3).row(2).toArray()).containsExactly(10, 11, 12);
        assertThatThrownBy(() -> tensor.reshape(5, 2)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> tensor.columns(0, 3).reshape(3, 2)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void impossibleShapesAndRangesAreRefused() {
        Tensor tensor = counting(DType.F32, 2, 3);
        assertThatThrownBy(() -> Tensor.of(tensor.memory(), DType.F32, 3, 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("36 bytes");
        assertThatThrownBy(() -> new Tensor(tensor.memory(), DType.F32, 2, 3, 2))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Tensor.of(tensor.memory(), DType.F32, Integer.MAX_VALUE, Integer.MAX_VALUE))
                .isInstanceOf(ArithmeticException.class);
        assertThatThrownBy(() -> tensor.rows(1, 3)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.columns(-1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.rows(2, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> tensor.copyFrom(new float[5])).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void everyBfloat16SurvivesTheWayThroughSinglePrecision() {
        for (int bits = 0; bits <= 0xFFFF; bits++) {
            float value = BFloat16.toFloat((short) bits);
            short back = BFloat16.fromFloat(value);
            if (Float.isNaN(value)) {
                assertThat(BFloat16.toFloat(back)).isNaN();
            } else {
                assertThat(back).isEqualTo((short) bits);
            }
        }
    }

    /// The nearer of the two neighbours, by exact distances; on a tie the one whose last bit is 0.
    @Test
    void bfloat16RoundsToNearestEven() {
        Random random = new Random(3);
        for (int i = 0; i < 20_000; i++) {
            int bits = switch (i & 3) {
                case 0 -> (random.nextInt() & 0xFFFF_0000) | 0x8000; // ties
                case 1 -> (random.nextInt() & 0xFFFF_0000) | (0x7FFF + random.nextInt(3)); // and their neighbours
                case 2 -> random.nextInt() & 0x807F_FFFF; // subnormal
                default -> random.nextInt();
            };
            float value = Float.intBitsToFloat(bits);
            if (Float.isFinite(value)) {
                assertThat(BFloat16.fromFloat(value)).as("%08x", bits).isEqualTo(nearest(value));
            }
        }
    }

    private static short nearest(float value) {
        int below = Float.floatToRawIntBits(value) >>> 16; // towards zero
        int above = below + 1; // away from it; the step past the greatest is infinity
        BigDecimal exact = new BigDecimal(Math.abs(value));
        BigDecimal low = new BigDecimal(Math.abs(BFloat16.toFloat((short) below)));
        double high = (above & 0x7FFF) == 0x7F80 ? 0x1p128 : Math.abs(BFloat16.toFloat((short) above));
        int order = exact.subtract(low).compareTo(new BigDecimal(high).subtract(exact));
        return (short) (order < 0 || (order == 0 && (below & 1) == 0) ? below : above);
    }

    @Test
    void specialNumbersRoundToThemselves() {
        assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.POSITIVE_INFINITY))).isEqualTo(Float.POSITIVE_INFINITY);
        assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.NEGATIVE_INFINITY))).isEqualTo(Float.NEGATIVE_INFINITY);
        assertThat(BFloat16.fromFloat(-0f)).isEqualTo((short) 0x8000);
        // NaNs whose upper half alone would be infinity.
        assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.intBitsToFloat(0x7F80_0001)))).isNaN();
        assertThat(BFloat16.toFloat(BFloat16.fromFloat(Float.intBitsToFloat(0xFFFF_FFFF)))).isNaN();
    }

    /// The largest magnitude of a row becomes 127, ties go to the even number, and zeros stay zeros.
    @Test
    void rowsOfI8HaveScalesOfTheirOwn() {
        Tensor tensor = Tensor.int8(arena.allocate(9), 3, 3, ones(3));
        tensor.copyFrom(new float[] {-254, 1, 3, 0, 0, 0, 0.5f, 127, -0.49f});
        assertThat(tensor.scale(0)).isEqualTo(2);
        assertThat(tensor.toArray()).containsExactly(-254, 0, 4, 0, 0, 0, 0, 127, 0);
        assertThat(tensor.rows(2, 3).scale(0)).isEqualTo(1);
        assertThat(tensor.columns(1, 3).row(0).toArray()).containsExactly(0, 4);
        tensor.set(2, 0, -1000);
        assertThat(tensor.get(2, 0)).isEqualTo(-127);
    }

    @Test
    void scalesBelongToI8() {
        MemorySegment memory = arena.allocate(16);
        assertThatThrownBy(() -> Tensor.of(memory, DType.I8, 2, 2)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Tensor(memory, DType.F32, 2, 2, 2, ones(2), null))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Tensor.int8(memory, 2, 2, ones(3))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Tensor.int8(memory, 2, 2, ones(2)).reshape(1, 4))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
