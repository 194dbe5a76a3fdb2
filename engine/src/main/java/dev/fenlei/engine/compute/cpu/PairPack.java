package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.cpu.x86.ConvertKernel;
import dev.fenlei.engine.tensor.BFloat16;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/// Brings pieces of tensors into native memory as bfloat16, in the *slots* of
/// [dev.fenlei.engine.compute.cpu.x86.TileKernel]: two neighbours along the sum side by side.
///
/// Only used where vectors of 512 bits are at hand.
final class PairPack {

    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_512;
    private static final VectorSpecies<Short> SHORTS = ShortVector.SPECIES_256;
    private static final VectorSpecies<Byte> BYTES = ByteVector.SPECIES_128;
    private static final int LANES = 16;
    private static final int VECTOR = 64;

    /// Lane numbers that interleave the lower and the upper halves of two vectors.
    private static final IntVector LOW = GemmPack.zipIndexes(INTS, 0);
    private static final IntVector HIGH = GemmPack.zipIndexes(INTS, LANES / 2);

    private PairPack() {}

    /// Copies `rows × columns` elements from (`row`, `column`) of `from`, rounded to bfloat16, to rows `pitch` bytes apart,
    /// each followed by zeros up to `padded` elements.
    static void rows(
            Tensor from, int row, int column, int rows, int columns, ConvertKernel kernel, MemorySegment to,
            long offset, long pitch, int padded) {
        MemorySegment memory = from.memory();
        int size = from.dtype().bytes();
        int whole = from.dtype() == DType.F32 ? columns / ConvertKernel.UNIT * ConvertKernel.UNIT : 0;
        for (int r = 0; r < rows; r++) {
            long source = ((long) (row + r) * from.stride() + column) * size;
            long target = offset + r * pitch;
            switch (from.dtype()) {
                case BF16 -> MemorySegment.copy(memory, source, to, target, columns * (long) Short.BYTES);
                case F32 -> {
                    if (whole > 0) {
                        kernel.convert(
                                memory.address() + source, to.address() + target, whole / ConvertKernel.UNIT);
                    }
                    for (int i = whole; i < columns; i++) {
                        short value = BFloat16.fromFloat(memory.get(Lanes.FLOAT, source + (long) i * Float.BYTES));
                        to.set(Lanes.SHORT, target + (long) i * Short.BYTES, value);
                    }
                }
                case F16 -> {
                    for (int i = 0; i < columns; i++) {
                        float value = Float.float16ToFloat(memory.get(Lanes.SHORT, source + (long) i * Short.BYTES));
                        to.set(Lanes.SHORT, target + (long) i * Short.BYTES, BFloat16.fromFloat(value));
                    }
                }
                case I8 -> quantised(memory, source, from.scale(row + r), columns, to, target);
            }
            if (columns < padded) {
                to.asSlice(target + columns * (long) Short.BYTES, (padded - columns) * (long) Short.BYTES)
                        .fill((byte) 0);
            }
        }
    }

    /// Rounds as [BFloat16#fromFloat]; products of an integer and a finite scale are never NaN.
    private static void quantised(
            MemorySegment from, long source, float scale, int count, MemorySegment to, long target) {
        int whole = count / LANES * LANES;
        for (int i = 0; i < whole; i += LANES) {
            IntVector bits = ((FloatVector) ByteVector.fromMemorySegment(BYTES, from, source + i, Lanes.ORDER)
                    .convertShape(VectorOperators.B2I, INTS, 0)
                    .convert(VectorOperators.I2F, 0)).mul(scale).reinterpretAsInts();
            IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
            ((ShortVector) bits.add(odd).add(0x7FFF).lanewise(VectorOperators.LSHR, 16)
                    .convertShape(VectorOperators.I2S, SHORTS, 0))
                    .intoMemorySegment(to, target + (long) i * Short.BYTES, Lanes.ORDER);
        }
        for (int i = whole; i < count; i++) {
            float value = from.get(ValueLayout.JAVA_BYTE, source + i) * scale;
            to.set(Lanes.SHORT, target + (long) i * Short.BYTES, BFloat16.fromFloat(value));
        }
    }

    /// Interleaves rows `2i` and `2i + 1` of 32 elements, `pitch` bytes apart, to 32 slots; the last of an odd number of
    /// rows with zeros.
    static void zip(MemorySegment from, long offset, long pitch, int rows, MemorySegment to, long target) {
        for (int r = 0; r < rows; r += 2) {
            long even = offset + r * pitch;
            long slots = target + (long) (r / 2) * 2 * VECTOR;
            for (int half = 0; half < 2; half++) {
                IntVector low = widened(from, even + half * 32L);
                IntVector high = r + 1 < rows ? widened(from, even + pitch + half * 32L) : IntVector.zero(INTS);
                low.or(high.lanewise(VectorOperators.LSHL, 16)).intoMemorySegment(to, slots + half * 64L, Lanes.ORDER);
            }
        }
    }

    private static IntVector widened(MemorySegment from, long offset) {
        return (IntVector) ShortVector.fromMemorySegment(SHORTS, from, offset, Lanes.ORDER)
                .convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    }

    /// Transposes a square of 16 × 16 words of 32 bits. `scratch` holds one square.
    ///
    /// Each of the two rounds interleaves vectors a distance of eight apart, then those results; see
    /// [GemmPack#transpose] for why that transposes.
    static void transpose(
            MemorySegment from, long offset, long pitch, MemorySegment to, long target, long targetPitch,
            MemorySegment scratch) {
        twoRounds(from, offset, pitch, scratch, 0, VECTOR);
        twoRounds(scratch, 0, VECTOR, to, target, targetPitch);
    }

    private static void twoRounds(
            MemorySegment from, long offset, long pitch, MemorySegment to, long target, long targetPitch) {
        long quarter = LANES / 4 * pitch;
        for (int i = 0; i < LANES / 4; i++) {
            long source = offset + i * pitch;
            long at = target + 4 * i * targetPitch;
            IntVector a = IntVector.fromMemorySegment(INTS, from, source, Lanes.ORDER);
            IntVector b = IntVector.fromMemorySegment(INTS, from, source + quarter, Lanes.ORDER);
            IntVector c = IntVector.fromMemorySegment(INTS, from, source + 2 * quarter, Lanes.ORDER);
            IntVector d = IntVector.fromMemorySegment(INTS, from, source + 3 * quarter, Lanes.ORDER);
            IntVector acLow = LOW.selectFrom(a, c);
            IntVector acHigh = HIGH.selectFrom(a, c);
            IntVector bdLow = LOW.selectFrom(b, d);
            IntVector bdHigh = HIGH.selectFrom(b, d);
            LOW.selectFrom(acLow, bdLow).intoMemorySegment(to, at, Lanes.ORDER);
            HIGH.selectFrom(acLow, bdLow).intoMemorySegment(to, at + targetPitch, Lanes.ORDER);
            LOW.selectFrom(acHigh, bdHigh).intoMemorySegment(to, at + 2 * targetPitch, Lanes.ORDER);
            HIGH.selectFrom(acHigh, bdHigh).intoMemorySegment(to, at + 3 * targetPitch, Lanes.ORDER);
        }
    }
}
