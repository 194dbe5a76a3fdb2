package dev.fenlei.engine.compute.cpu;

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

    /// Rows `from` to `to` of a head as columns: panels of one vector of rows, each `d × V`.
    static void panels(Tensor tensor, int column, int d, int from, int to, float[] out, int offset) {
        MemorySegment memory = tensor.memory();
        for (int row = from; row < to; row++) {
            long base = Spans.bytes(tensor, row, column);
            int lane = (row - from) % Lanes.COUNT;
            int start = offset + (row - from - lane) * d + lane;
            for (int i = 0; i < d; i++) {
                out[start + i * Lanes.COUNT] = memory.get(Lanes.FLOAT, base + 4L * i);
            }
        }
    }
}
