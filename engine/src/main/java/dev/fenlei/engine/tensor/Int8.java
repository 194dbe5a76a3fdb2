package dev.fenlei.engine.tensor;

import java.util.Arrays;

/// Symmetric quantisation of the rows of a matrix to whole numbers of 8 bits: `w ≈ q · scale` with `q` in −127 … 127 and the
/// largest magnitude of the row at 127 (as in Dettmers et al. 2022, "LLM.int8()", for rows of weights).
public final class Int8 {

    /// The largest magnitude; −128 is not used, so that the range is symmetric.
    public static final int MAX = 127;

    private Int8() {}

    /// The scale of a row: its largest magnitude divided by 127; 0 for a row of zeros, NaN or infinite if an element is.
    public static float scale(float[] values, int from, int count) {
        float largest = 0;
        for (int i = from; i < from + count; i++) {
            largest = Math.max(largest, Math.abs(values[i]));
        }
        return largest / MAX;
    }

    /// The number that comes nearest to `value`, ties to even.
    public static byte quantise(float value, float scale) {
        return scale == 0 ? 0 : (byte) Math.clamp(nearest(value / scale), -MAX, MAX);
    }

    /// Quantises a row by the scale that suits it.
    ///
    /// @param to receives `count` numbers from its start
    /// @return the scale
    public static float quantise(float[] values, int from, int count, byte[] to) {
        float scale = scale(values, from, count);
        if (scale == 0) {
            Arrays.fill(to, 0, count, (byte) 0);
            return 0;
        }
        for (int i = 0; i < count; i++) {
            to[i] = (byte) nearest(values[from + i] / scale);
        }
        return scale;
    }

    /// At 1.5 · 2²³ neighbours are one apart, so that adding it rounds.
    private static int nearest(float value) {
        return (int) (value + 0x1.8p23f - 0x1.8p23f);
    }
}
