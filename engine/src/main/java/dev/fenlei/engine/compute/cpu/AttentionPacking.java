package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.cpu.Scratch.Slot;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Copies heads of tensors into buffers, as they stand or transposed into the panels of [Tile].
final class AttentionPacking {

    private AttentionPacking() {}

    /// Rows `from` to `to` of a head, times `factor`, `stride` elements apart in the buffer.
    static void rows(Tensor tensor, int column, int d, int from, int to, float factor, float[] out, int offset,
            int stride) {
        MemorySegment memory = tensor.memory();
        for (int row = from; row < to; row++) {
            Buffers.load(memory, Spans.bytes(tensor, row, column), factor, out, offset + (row - from) * stride, d);
        }
    }

    /// Rows `from` to `to` of a head as columns: panels of one vector of rows, each `d × V`. The buffer needs room for whole
    /// vectors of rows; columns behind the last row are undefined.
    static void panels(Tensor tensor, int column, int d, int from, int to, float[] out, int offset) {
        Scratch scratch = Scratch.current();
        int width = Lanes.ceil(d);
        float[] rows = scratch.floats(Slot.PANEL_ROWS, Lanes.COUNT * width);
        float[] columns = scratch.floats(Slot.PANEL_COLUMNS, width * Lanes.COUNT);
        float[] squares = scratch.floats(Slot.SQUARES, 2 * Lanes.COUNT * Lanes.COUNT);
        for (int row = from; row < to; row += Lanes.COUNT) {
            rows(tensor, column, d, row, Math.min(to, row + Lanes.COUNT), 1, rows, 0, width);
            int target = offset + (row - from) * d;
            if (width == d) {
                GemmPack.transpose(rows, 0, width, Lanes.COUNT, d, out, target, Lanes.COUNT, squares);
            } else {
                // Squares are whole: a panel that ends within one must not write into the next.
                GemmPack.transpose(rows, 0, width, Lanes.COUNT, d, columns, 0, Lanes.COUNT, squares);
                System.arraycopy(columns, 0, out, target, d * Lanes.COUNT);
            }
        }
    }
}
