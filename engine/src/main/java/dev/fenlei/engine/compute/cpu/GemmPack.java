package dev.fenlei.engine.compute.cpu;

import static dev.fenlei.engine.compute.cpu.GemmKernel.FLOATS;
import static dev.fenlei.engine.compute.cpu.GemmKernel.LANES;

import dev.fenlei.engine.tensor.BFloat16;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// Brings pieces of tensors into float arrays, widened and, where asked, transposed.
///
/// Whole vectors are moved, so that a row may bring up to `LANES − 1` values that lie behind its end: the start of the
/// next row, or whatever the array held. They land in rows and columns of a tile that are never stored. Only at the
/// very end of a tensor's memory a row is finished one by one.
final class GemmPack {

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
    private static final VectorSpecies<Short> SHORTS =
            VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

    private static final VectorShuffle<Float> ZIP_LOW = VectorShuffle.makeZip(FLOATS, 0);
    private static final VectorShuffle<Float> ZIP_HIGH = VectorShuffle.makeZip(FLOATS, 1);

    private GemmPack() {}

    /// Copies `rows × columns` elements from (`row`, `column`) of `from` to `to`, whose rows are `pitch` apart.
    /// Writes whole vectors: each row needs room for `columns` rounded up to a multiple of the vector length.
    static void copy(
            Tensor from, int row, int column, int rows, int columns, float[] to, int offset, int pitch) {
        MemorySegment memory = from.memory();
        long stride = from.stride();
        for (int r = 0; r < rows; r++) {
            long index = (row + r) * stride + column;
            int at = offset + r * pitch;
            switch (from.dtype()) {
                case F32 -> copyF32(memory, index, columns, to, at);
                case BF16 -> copyBF16(memory, index, columns, to, at);
                case F16 -> copyF16(memory, index, columns, to, at);
            }
        }
    }

    private static void copyF32(MemorySegment memory, long index, int columns, float[] to, int at) {
        long base = index * Float.BYTES;
        int whole = wholeVectors(memory.byteSize() / Float.BYTES - index, columns);
        for (int i = 0; i < whole; i += LANES) {
            FloatVector.fromMemorySegment(FLOATS, memory, base + (long) i * Float.BYTES, ORDER).intoArray(to, at + i);
        }
        for (int i = whole; i < columns; i++) {
            to[at + i] = memory.get(FLOAT, base + (long) i * Float.BYTES);
        }
    }

    private static void copyBF16(MemorySegment memory, long index, int columns, float[] to, int at) {
        long base = index * Short.BYTES;
        int whole = wholeVectors(memory.byteSize() / Short.BYTES - index, columns);
        for (int i = 0; i < whole; i += LANES) {
            ((IntVector) ShortVector.fromMemorySegment(SHORTS, memory, base + (long) i * Short.BYTES, ORDER)
                            .convertShape(VectorOperators.S2I, INTS, 0))
                    .lanewise(VectorOperators.LSHL, 16)
                    .reinterpretAsFloats()
                    .intoArray(to, at + i);
        }
        for (int i = whole; i < columns; i++) {
            to[at + i] = BFloat16.toFloat(memory.get(SHORT, base + (long) i * Short.BYTES));
        }
    }

    /// Half precision: the 15 bits below the sign, moved to where single precision has them, make a number that is too
    /// small by the difference of the exponent biases, subnormal or not; multiplying puts that right exactly. What
    /// comes out as 65536 or more was infinity or NaN and gets the exponent of those.
    private static void copyF16(MemorySegment memory, long index, int columns, float[] to, int at) {
        long base = index * Short.BYTES;
        int whole = wholeVectors(memory.byteSize() / Short.BYTES - index, columns);
        for (int i = 0; i < whole; i += LANES) {
            IntVector bits = (IntVector)
                    ShortVector.fromMemorySegment(SHORTS, memory, base + (long) i * Short.BYTES, ORDER)
                            .convertShape(VectorOperators.S2I, INTS, 0);
            FloatVector magnitude =
                    bits.and(0x7FFF).lanewise(VectorOperators.LSHL, 13).reinterpretAsFloats().mul(0x1p112f);
            IntVector finite = magnitude.reinterpretAsInts();
            IntVector special = finite.or(0x7F800000);
            finite.blend(special, bits.and(0x7C00).compare(VectorOperators.EQ, 0x7C00))
                    .or(bits.and(0x8000).lanewise(VectorOperators.LSHL, 16))
                    .reinterpretAsFloats()
                    .intoArray(to, at + i);
        }
        for (int i = whole; i < columns; i++) {
            to[at + i] = Float.float16ToFloat(memory.get(SHORT, base + (long) i * Short.BYTES));
        }
    }

    /// How many of `columns` elements can be read in whole vectors when `available` elements remain in memory.
    private static int wholeVectors(long available, int columns) {
        int padded = roundUp(columns);
        return padded <= available ? padded : columns / LANES * LANES;
    }

    /// `n` rounded up to a multiple of the vector length.
    static int roundUp(int n) {
        return (n + LANES - 1) & -LANES;
    }

    /// Transposes the `rows × columns` matrix at `from` into `to`, in squares of the vector length; both sides need
    /// room for both counts rounded up. `scratch` holds two squares.
    ///
    /// Interleaving ("zipping") vector `i` with vector `i + LANES/2` for all `i` rotates the index bits (row, column) of
    /// a square by one place; after log2(LANES) rounds rows and columns have changed places (Stone 1971, the perfect
    /// shuffle).
    static void transpose(
            float[] from, int fromOffset, int fromPitch, int rows, int columns,
            float[] to, int toOffset, int toPitch, float[] scratch) {
        for (int r = 0; r < rows; r += LANES) {
            for (int c = 0; c < columns; c += LANES) {
                float[] source = from;
                int sourceAt = fromOffset + r * fromPitch + c;
                int sourcePitch = fromPitch;
                int other = 0;
                for (int half = LANES / 2; half > 1; half >>= 1) {
                    zip(source, sourceAt, sourcePitch, scratch, other, LANES);
                    source = scratch;
                    sourceAt = other;
                    sourcePitch = LANES;
                    other ^= LANES * LANES;
                }
                zip(source, sourceAt, sourcePitch, to, toOffset + c * toPitch + r, toPitch);
            }
        }
    }

    private static void zip(float[] from, int fromOffset, int fromPitch, float[] to, int toOffset, int toPitch) {
        for (int i = 0; i < LANES / 2; i++) {
            int at = fromOffset + i * fromPitch;
            FloatVector a = FloatVector.fromArray(FLOATS, from, at);
            FloatVector b = FloatVector.fromArray(FLOATS, from, at + LANES / 2 * fromPitch);
            a.rearrange(ZIP_LOW, b).intoArray(to, toOffset + 2 * i * toPitch);
            a.rearrange(ZIP_HIGH, b).intoArray(to, toOffset + (2 * i + 1) * toPitch);
        }
    }
}
