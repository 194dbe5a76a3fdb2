package dev.fenlei.engine.compute.cpu;

/// The buffers of one thread, which grow to the largest size asked for and are used again and again.
///
/// The caller of an operation keeps what all tasks share (packed keys, partial sums) in its own scratch while it works on
/// tasks itself; therefore shared and task buffers have slots of their own.
final class Scratch {

    enum Slot {
        SHARED_KEYS,
        SHARED_VALUES,
        SHARED_VECTOR,
        SHARED_PARTIALS,
        LANES,
        SPAN,
        QUERIES,
        OUTPUTS,
        SCORES,
        SCORE_GRADIENTS,
        KEYS,
        KEY_PANELS,
        VALUE_PANELS,
        KEY_GRADIENTS,
        VALUE_GRADIENTS,
        PANEL_ROWS,
        PANEL_COLUMNS,
        SQUARES
    }

    private static final ThreadLocal<Scratch> CURRENT = ThreadLocal.withInitial(Scratch::new);

    private final float[][] buffers = new float[Slot.values().length][0];

    private Scratch() {}

    /// The scratch of the thread that calls.
    static Scratch current() {
        return CURRENT.get();
    }

    /// A buffer of at least `length` elements with undefined contents.
    float[] floats(Slot slot, int length) {
        float[] buffer = buffers[slot.ordinal()];
        if (buffer.length < length) {
            buffer = new float[length];
            buffers[slot.ordinal()] = buffer;
        }
        return buffer;
    }

    /// A buffer for [Lanes#sum].
    float[] lanes() {
        return floats(Slot.LANES, Lanes.COUNT);
    }
}
