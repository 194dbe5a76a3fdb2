package dev.fenlei.engine.compute.cpu;

import static dev.fenlei.engine.compute.cpu.GemmKernel.FLOATS;
import static dev.fenlei.engine.compute.cpu.GemmKernel.LANES;
import static dev.fenlei.engine.compute.cpu.GemmKernel.NR;

import dev.fenlei.engine.tensor.BFloat16;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
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
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

    private static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, FLOATS.vectorShape());
    private static final VectorSpecies<Short> SHORTS = VectorSpecies.of(short.class,
            VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));

    private static final VectorSpecies<Byte> BYTES = VectorSpecies.of(byte.class,
            VectorShape.forBitSize(Math.max(64, FLOATS.vectorBitSize() / 4)));
    private static final IntVector BYTE_TO_TOP = IntVector.fromArray(INTS, new int[] {
        24, 16, 8, 0, 24, 16, 8, 0, 24, 16, 8, 0, 24, 16, 8, 0}, 0);

    /// Lane numbers that interleave the lower and the upper halves of two vectors, the second counted from LANES.
    static final IntVector LOW = zipIndexes(INTS, 0);
    static final IntVector HIGH = zipIndexes(INTS, LANES / 2);

    private GemmPack() {}

    /// Lane numbers that take lanes from `first` on of two vectors by turns, the second counted from the vector length.
    static IntVector zipIndexes(VectorSpecies<Integer> species, int first) {
        int[] indexes = new int[species.length()];
        for (int i = 0; i < indexes.length; i++) {
            indexes[i] = first + i / 2 + i % 2 * indexes.length;
        }
        return IntVector.fromArray(species, indexes, 0);
    }

    /// Copies `rows × columns` elements from (`row`, `column`) of `from` to `to`, whose rows are `pitch` apart.
    /// Writes whole vectors: each row needs room for `columns` rounded up to a multiple of the vector length.
    static void copy(
            Tensor from, int row, int column, int rows, int columns, float[] to, int offset, int pitch) {
        switch (from.dtype()) {
            case F32 -> copyF32(from, row, column, rows, columns, to, offset, pitch);
            case BF16 -> copyBF16(from, row, column, rows, columns, to, offset, pitch);
            case F16 -> copyF16(from, row, column, rows, columns, to, offset, pitch);
            case I8 -> copyI8(from, row, column, rows, columns, to, offset, pitch);
        }
    }

    private static void copyF32(
            Tensor from, int row, int column, int rows, int columns, float[] to, int offset, int pitch) {
        MemorySegment memory = from.memory();
        long available = memory.byteSize() / Float.BYTES;
        for (int r = 0; r < rows; r++) {
            long index = (long) (row + r) * from.stride() + column;
            long base = index * Float.BYTES;
            int at = offset + r * pitch;
            int whole = wholeVectors(available - index, columns);
            if (whole == NR && columns <= NR) {
                // The usual row of a panel; a loop of two rounds would cost several times as much.
                FloatVector.fromMemorySegment(FLOATS, memory, base, ORDER).intoArray(to, at);
                FloatVector.fromMemorySegment(FLOATS, memory, base + LANES * Float.BYTES, ORDER)
                        .intoArray(to, at + LANES);
                continue;
            }
            for (int i = 0; i < whole; i += LANES) {
                FloatVector.fromMemorySegment(FLOATS, memory, base + (long) i * Float.BYTES, ORDER)
                        .intoArray(to, at + i);
            }
            for (int i = whole; i < columns; i++) {
                to[at + i] = memory.get(FLOAT, base + (long) i * Float.BYTES);
            }
        }
    }

    private static void copyBF16(
            Tensor from, int row, int column, int rows, int columns, float[] to, int offset, int pitch) {
        MemorySegment memory = from.memory();
        long available = memory.byteSize() / Short.BYTES;
        for (int r = 0; r < rows; r++) {
            long index = (long) (row + r) * from.stride() + column;
            long base = index * Short.BYTES;
            int at = offset + r * pitch;
            int whole = wholeVectors(available - index, columns);
            for (int i = 0; i < whole; i += LANES) {
                widened(memory, base + (long) i * Short.BYTES).intoArray(to, at + i);
            }
            for (int i = whole; i < columns; i++) {
                to[at + i] = BFloat16.toFloat(memory.get(SHORT, base + (long) i * Short.BYTES));
            }
        }
    }

    /// A vector of bfloat16, in single precision.
    static FloatVector widened(MemorySegment memory, long offset) {
        return ((IntVector) ShortVector.fromMemorySegment(SHORTS, memory, offset, ORDER)
                .convertShape(VectorOperators.S2I, INTS, 0))
                .lanewise(VectorOperators.LSHL, 16)
                .reinterpretAsFloats();
    }

    /// Half precision: the 15 bits below the sign, moved to where single precision has them, make a number that is too
    /// small by the difference of the exponent biases, subnormal or not; multiplying puts that right exactly. What
    /// comes out as 65536 or more was infinity or NaN and gets the exponent of those.
    private static void copyF16(
            Tensor from, int row, int column, int rows, int columns, float[] to, int offset, int pitch) {
        MemorySegment memory = from.memory();
        long available = memory.byteSize() / Short.BYTES;
        for (int r = 0; r < rows; r++) {
            long index = (long) (row + r) * from.stride() + column;
            long base = index * Short.BYTES;
            int at = offset + r * pitch;
            int whole = wholeVectors(available - index, columns);
            for (int i = 0; i < whole; i += LANES) {
                IntVector bits = (IntVector) ShortVector
                        .fromMemorySegment(SHORTS, memory, base + (long) i * Short.BYTES, ORDER)
                        .convertShape(VectorOperators.S2I, INTS, 0);
                FloatVector magnitude = bits.and(0x7FFF).lanewise(VectorOperators.LSHL, 13).reinterpretAsFloats()
                        .mul(0x1p112f);
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
    }

    private static void copyI8(
            Tensor from, int row, int column, int rows, int columns, float[] to, int offset, int pitch) {
        MemorySegment memory = from.memory();
        for (int r = 0; r < rows; r++) {
            long base = (long) (row + r) * from.stride() + column;
            float scale = from.scale(row + r);
            int at = offset + r * pitch;
            int whole = wholeVectors(memory.byteSize() - base, columns);
            for (int i = 0; i < whole; i += LANES) {
                bytes(memory, base + i).mul(scale).intoArray(to, at + i);
            }
            for (int i = whole; i < columns; i++) {
                to[at + i] = memory.get(ValueLayout.JAVA_BYTE, base + i) * scale;
            }
        }
    }

    /// A vector in single precision.
    static FloatVector vector(MemorySegment memory, long offset) {
        return FloatVector.fromMemorySegment(FLOATS, memory, offset, ORDER);
    }

    /// A vector of whole numbers of 8 bits, in single precision.
    static FloatVector bytes(MemorySegment memory, long offset) {
        IntVector values = LANES == 4
                // There are no vectors of 32 bits to read: the byte of each lane is moved to the top of its word and back.
                ? IntVector.broadcast(INTS, memory.get(INT, offset))
                        .lanewise(VectorOperators.LSHL, BYTE_TO_TOP)
                        .lanewise(VectorOperators.ASHR, 24)
                : (IntVector) ByteVector.fromMemorySegment(BYTES, memory, offset, ORDER)
                        .convertShape(VectorOperators.B2I, INTS, 0);
        return (FloatVector) values.convert(VectorOperators.I2F, 0);
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
                int source = fromOffset + r * fromPitch + c;
                int target = toOffset + c * toPitch + r;
                switch (LANES) {
                    case 4 -> zip4(from, source, fromPitch, to, target, toPitch);
                    case 8 -> {
                        zip4(from, source, fromPitch, scratch, 0, LANES);
                        zip2(scratch, 0, LANES, to, target, toPitch);
                    }
                    default -> {
                        zip4(from, source, fromPitch, scratch, 0, LANES);
                        zip4(scratch, 0, LANES, to, target, toPitch);
                    }
                }
            }
        }
    }

    /// One round: zips vectors LANES/2 apart.
    private static void zip2(float[] from, int fromOffset, int fromPitch, float[] to, int toOffset, int toPitch) {
        for (int i = 0; i < LANES / 2; i++) {
            int source = fromOffset + i * fromPitch;
            int target = toOffset + 2 * i * toPitch;
            IntVector a = FloatVector.fromArray(FLOATS, from, source).reinterpretAsInts();
            IntVector b = FloatVector.fromArray(FLOATS, from, source + LANES / 2 * fromPitch).reinterpretAsInts();
            LOW.selectFrom(a, b).reinterpretAsFloats().intoArray(to, target);
            HIGH.selectFrom(a, b).reinterpretAsFloats().intoArray(to, target + toPitch);
        }
    }

    /// Two rounds in registers: vectors LANES/4 apart are zipped as (a, c), (b, d), then the results pairwise.
    private static void zip4(float[] from, int fromOffset, int fromPitch, float[] to, int toOffset, int toPitch) {
        int quarter = LANES / 4 * fromPitch;
        for (int i = 0; i < LANES / 4; i++) {
            int source = fromOffset + i * fromPitch;
            int target = toOffset + 4 * i * toPitch;
            IntVector a = FloatVector.fromArray(FLOATS, from, source).reinterpretAsInts();
            IntVector b = FloatVector.fromArray(FLOATS, from, source + quarter).reinterpretAsInts();
            IntVector c = FloatVector.fromArray(FLOATS, from, source + 2 * quarter).reinterpretAsInts();
            IntVector d = FloatVector.fromArray(FLOATS, from, source + 3 * quarter).reinterpretAsInts();
            IntVector acLow = LOW.selectFrom(a, c);
            IntVector acHigh = HIGH.selectFrom(a, c);
            IntVector bdLow = LOW.selectFrom(b, d);
            IntVector bdHigh = HIGH.selectFrom(b, d);
            LOW.selectFrom(acLow, bdLow).reinterpretAsFloats().intoArray(to, target);
            HIGH.selectFrom(acLow, bdLow).reinterpretAsFloats().intoArray(to, target + toPitch);
            LOW.selectFrom(acHigh, bdHigh).reinterpretAsFloats().intoArray(to, target + 2 * toPitch);
            HIGH.selectFrom(acHigh, bdHigh).reinterpretAsFloats().intoArray(to, target + 3 * toPitch);
        }
    }
}
