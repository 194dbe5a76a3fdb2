package dev.fenlei.engine.compute.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// The exponential function over buffers: the only place where it is computed, as a vector that is handed to a method which
/// is not inlined is boxed. Kernels bring their rows into a buffer that fits the first-level cache and come here.
///
/// Method: `eˣ = 2ⁿ·eʳ` with `n = round(x/ln 2)`, `|r| ≤ ln 2 / 2`, `ln 2` in two parts (Cody & Waite 1980) and the
/// polynomial of Cephes `expf` (Moshier), all with fused multiply-add: within 1 unit in the last place of float. Arguments are
/// clamped to [[#LOWEST], [#HIGHEST]], where the result is a normal number; NaN stays NaN.
final class Exponential {

    static final float LOWEST = -87.33f;
    static final float HIGHEST = 88.3f;

    private static final float LOG2_E = 1.44269504088896341f;
    private static final float LN2_HIGH = 0.693359375f;
    private static final float LN2_LOW = -2.12194440e-4f;
    private static final float P0 = 1.9875691500e-4f;
    private static final float P1 = 1.3981999507e-3f;
    private static final float P2 = 8.3334519073e-3f;
    private static final float P3 = 4.1665795894e-2f;
    private static final float P4 = 1.6666665459e-1f;
    private static final float P5 = 5.0000001201e-1f;

    /// Adding 1.5·2²³ rounds a float of moderate size to an integer, which then stands in the low bits.
    private static final float ROUNDER = 0x1.8p23f;

    private static final int ROUNDER_BITS = Float.floatToRawIntBits(ROUNDER);
    private static final int BIAS = 127;

    private Exponential() {}

    /// `values[i] = exp(values[i] − shift)` for `length` elements from `from`.
    ///
    /// @param lanes a buffer for [Lanes#sum]
    /// @return the sum of the results, added in a fixed order
    static float apply(float[] values, int from, int length, float shift, float[] lanes) {
        int vectorEnd = from + Lanes.floor(length);
        FloatVector sum = FloatVector.zero(Lanes.FLOATS);
        for (int i = from; i < vectorEnd; i += Lanes.COUNT) {
            FloatVector x = FloatVector.fromArray(Lanes.FLOATS, values, i).sub(shift);
            // Blends keep NaN and cost half of min and max, which must also order zeros.
            x = x.blend(LOWEST, x.compare(VectorOperators.LT, LOWEST));
            x = x.blend(HIGHEST, x.compare(VectorOperators.GT, HIGHEST));
            FloatVector shifted = x.fma(FloatVector.broadcast(Lanes.FLOATS, LOG2_E),
                    FloatVector.broadcast(Lanes.FLOATS, ROUNDER));
            FloatVector n = shifted.sub(ROUNDER);
            IntVector power = shifted.reinterpretAsInts().sub(ROUNDER_BITS - BIAS).lanewise(VectorOperators.LSHL, 23);
            FloatVector r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_HIGH), x);
            r = n.fma(FloatVector.broadcast(Lanes.FLOATS, -LN2_LOW), r);
            FloatVector p = r.fma(FloatVector.broadcast(Lanes.FLOATS, P0), FloatVector.broadcast(Lanes.FLOATS, P1));
            p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P2));
            p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P3));
            p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P4));
            p = p.fma(r, FloatVector.broadcast(Lanes.FLOATS, P5));
            FloatVector e = p.fma(r.mul(r), r).add(1).mul(power.reinterpretAsFloats());
            e.intoArray(values, i);
            sum = sum.add(e);
        }
        float total = Lanes.sum(sum, lanes);
        for (int i = vectorEnd; i < from + length; i++) {
            values[i] = of(values[i] - shift);
            total += values[i];
        }
        return total;
    }

    /// The same for one number, with the same bits.
    static float of(float argument) {
        float x = argument < LOWEST ? LOWEST : argument > HIGHEST ? HIGHEST : argument;
        float shifted = Math.fma(x, LOG2_E, ROUNDER);
        float n = shifted - ROUNDER;
        int power = (Float.floatToRawIntBits(shifted) - ROUNDER_BITS + BIAS) << 23;
        float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, x));
        float p = Math.fma(r, P0, P1);
        p = Math.fma(p, r, P2);
        p = Math.fma(p, r, P3);
        p = Math.fma(p, r, P4);
        p = Math.fma(p, r, P5);
        return (Math.fma(p, r * r, r) + 1) * Float.intBitsToFloat(power);
    }
}
