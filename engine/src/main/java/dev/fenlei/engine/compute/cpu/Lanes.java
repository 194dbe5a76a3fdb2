package dev.fenlei.engine.compute.cpu;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// The vector width of every kernel: what the processor prefers, or less if the property `fenlei.vector.bits`
/// (128, 256 or 512) says so. A width that the processor does not have is not taken, as it would be emulated.
final class Lanes {

    static final VectorShape SHAPE = shape();
    static final VectorSpecies<Float> FLOATS = VectorSpecies.of(float.class, SHAPE);
    static final VectorSpecies<Integer> INTS = VectorSpecies.of(int.class, SHAPE);
    static final VectorSpecies<Long> LONGS = VectorSpecies.of(long.class, SHAPE);

    /// The number of floats in a vector.
    static final int COUNT = FLOATS.length();

    static final ByteOrder ORDER = ByteOrder.nativeOrder();
    static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    private Lanes() {}

    /// The largest multiple of the vector length that is not above `n`.
    static int floor(int n) {
        return n & -COUNT;
    }

    /// The smallest multiple of the vector length that is not below `n`.
    static int ceil(int n) {
        return Math.addExact(n, COUNT - 1) & -COUNT;
    }

    /// The sum of the lanes in their order. `reduceLanes(ADD)` leaves the order open, and interpreted and compiled code
    /// do differ in it, so that one input would not always give the same bits.
    static float sum(FloatVector lanes, float[] buffer) {
        lanes.intoArray(buffer, 0);
        float sum = 0;
        for (int i = 0; i < COUNT; i++) {
            sum += buffer[i];
        }
        return sum;
    }

    private static VectorShape shape() {
        VectorShape preferred = VectorShape.preferredShape();
        Integer bits = Integer.getInteger("fenlei.vector.bits");
        if (bits == null) {
            return preferred;
        }
        if (bits != 128 && bits != 256 && bits != 512) {
            throw new IllegalArgumentException("fenlei.vector.bits must be 128, 256 or 512: " + bits);
        }
        return VectorShape.forBitSize(Math.min(bits, preferred.vectorBitSize()));
    }

    /// The largest of `length` elements from `from`; −∞ if there are none.
    static float max(float[] values, int from, int length) {
        FloatVector largest = FloatVector.broadcast(FLOATS, Float.NEGATIVE_INFINITY);
        int i = from;
        for (int end = from + floor(length); i < end; i += COUNT) {
            largest = largest.max(FloatVector.fromArray(FLOATS, values, i));
        }
        float max = largest.reduceLanes(VectorOperators.MAX);
        for (; i < from + length; i++) {
            max = Math.max(max, values[i]);
        }
        return max;
    }
}
