package dev.fenlei.engine.tensor;

/// Conversions between single precision and bfloat16, which the JDK lacks.
public final class BFloat16 {

    private BFloat16() {}

    /// Widens exactly.
    public static float toFloat(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /// Rounds to nearest, ties to even, as PyTorch does; NaN stays NaN.
    public static short fromFloat(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) {
            return (short) ((bits >>> 16) | 0x40);
        }
        return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }
}
