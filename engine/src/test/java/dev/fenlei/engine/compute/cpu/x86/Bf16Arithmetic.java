package dev.fenlei.engine.compute.cpu.x86;

import java.math.BigDecimal;

/// The arithmetic of AVX512-BF16 and AMX-BF16: round to nearest even, subnormal operands and results are zero, whatever MXCSR
/// says. NaNs are not told apart.
///
/// See Intel, *Architectures Software Developer's Manual*, volume 2, on `VDPBF16PS`, `TDPBF16PS` and `VCVTNE2PS2BF16`.
final class Bf16Arithmetic {

    /// What in steps of 24 bits still rounds to the smallest normal number. In the coarser steps of subnormal numbers, more
    /// does; but whether a result is subnormal is decided in the finer ones.
    private static final BigDecimal ALMOST_NORMAL = new BigDecimal(Float.MIN_NORMAL)
            .subtract(new BigDecimal(Math.scalb(1.0, -151)));

    private Bf16Arithmetic() {}

    /// The lower number of a pair.
    static float low(int pair) {
        return Float.intBitsToFloat(pair << 16);
    }

    /// The upper number of a pair.
    static float high(int pair) {
        return Float.intBitsToFloat(pair & 0xFFFF0000);
    }

    /// `a · b + c`, rounded once.
    static float fma(float a, float b, float c) {
        float x = flushed(a);
        float y = flushed(b);
        float z = flushed(c);
        float result = flushed(roundedOnce(x, y, z));
        if (Math.abs(result) == Float.MIN_NORMAL) {
            BigDecimal exact = new BigDecimal((double) x * y).add(new BigDecimal(z)).abs();
            return exact.compareTo(ALMOST_NORMAL) < 0 ? Math.copySign(0f, result) : result;
        }
        return result;
    }

    /// [Math#fma], which is a thousand times slower where the processor has no such instruction, only where it is needed: a
    /// product is exact in float64, and the sum nearly always.
    private static float roundedOnce(float x, float y, float z) {
        double product = (double) x * y;
        double sum = product + z;
        double part = sum - product;
        double lost = product - (sum - part) + (z - part);
        return lost == 0 ? (float) sum : Math.fma(x, y, z);
    }

    /// `a + b`. Where this is subnormal it is exact, so that [#flushed] sees that.
    static float add(float a, float b) {
        return flushed(flushed(a) + flushed(b));
    }

    private static float flushed(float value) {
        return Math.abs(value) < Float.MIN_NORMAL ? Math.copySign(0f, value) : value;
    }

    /// `sum + a.low · b.low + a.high · b.high` as `vdpbf16ps` forms it: the upper numbers first.
    static float dotProduct(float sum, int a, int b) {
        return fma(low(a), low(b), fma(high(a), high(b), sum));
    }

    /// The bits of single precision, rounded to those of bfloat16.
    static int round(int bits) {
        float value = Float.intBitsToFloat(bits);
        if (Float.isNaN(value)) {
            return bits >>> 16 | 0x40;
        }
        int flushed = Float.floatToRawIntBits(flushed(value));
        return flushed + 0x7FFF + (flushed >>> 16 & 1) >>> 16;
    }
}
