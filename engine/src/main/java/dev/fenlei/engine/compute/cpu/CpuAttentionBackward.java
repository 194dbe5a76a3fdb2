package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.cpu.Scratch.Slot;
import dev.fenlei.engine.compute.cpu.Tile.View;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/// Attention, backward. A task is one key-value head of one sequence with all query heads that read it, so that gradients of
/// keys and values are summed by one thread in a fixed order. Probabilities are computed again from the stored
/// log-sum-exp (Dao et al. 2022): with `D = Σ dOut∘out`, `dS = P∘(dOut·vᵀ − D)`, `dv = Pᵀ·dOut`, `dk = dSᵀ·q/√d`,
/// `dq = dS·k/√d`.
final class CpuAttentionBackward {

    private final WorkerPool pool;

    CpuAttentionBackward(WorkerPool pool) {
        this.pool = pool;
    }

    void backward(
            Tensor dOut,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor out,
            Tensor logSumExp,
            AttentionMask mask,
            int headDim,
            Tensor dq,
            Tensor dk,
            Tensor dv) {
        AttentionLayout layout = AttentionLayout.of(mask);
        int keyValueHeads = k.columns() / headDim;
        pool.parallel(layout.sequences() * keyValueHeads, task -> {
            new Head(layout, task / keyValueHeads, task % keyValueHeads, headDim, dOut, q, k, v, out, logSumExp, dq,
                    dk, dv).run();
        });
    }

    /// One key-value head of a sequence.
    private record Head(
            AttentionLayout layout,
            int sequence,
            int keyValueHead,
            int d,
            Tensor dOut,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor out,
            Tensor logSumExp,
            Tensor dq,
            Tensor dk,
            Tensor dv) {

        private int first() {
            return layout.firstRow()[sequence];
        }

        void run() {
            int width = Lanes.ceil(d);
            int first = first();
            int end = layout.firstRow()[sequence + 1];
            int slots = Lanes.ceil(end - first);
            int column = keyValueHead * d;
            Scratch scratch = Scratch.current();
            float[] keyPanels = scratch.floats(Slot.KEY_PANELS, Math.multiplyExact(slots, d));
            float[] valuePanels = scratch.floats(Slot.VALUE_PANELS, slots * d);
            float[] keys = scratch.floats(Slot.KEYS, Math.multiplyExact(slots, width));
            float[] keyGradients = scratch.floats(Slot.KEY_GRADIENTS, slots * width);
            float[] valueGradients = scratch.floats(Slot.VALUE_GRADIENTS, slots * width);
            AttentionPacking.panels(k, column, d, first, end, keyPanels, 0);
            AttentionPacking.panels(v, column, d, first, end, valuePanels, 0);
            AttentionPacking.rows(k, column, d, first, end, 1, keys, 0, width);
            Arrays.fill(keyGradients, 0, slots * width, 0);
            Arrays.fill(valueGradients, 0, slots * width, 0);

            int group = q.columns() / k.columns();
            for (int head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
                for (int block = 0; block < layout.blocks(); block++) {
                    if (layout.blockSequence()[block] == sequence) {
                        block(head, layout.blockQuery()[block], layout.blockQuery()[block + 1], width, scratch,
                                keyPanels, valuePanels, keys, keyGradients, valueGradients);
                    }
                }
            }
            write(keyGradients, width, 1, dk, column, first, end);
            write(valueGradients, width, 1, dv, column, first, end);
        }

        private void block(
                int head, int from, int to, int width, Scratch scratch,
                float[] keyPanels, float[] valuePanels, float[] keys, float[] keyGradients, float[] valueGradients) {
            AttentionMask mask = layout.mask();
            int rows = to - from;
            // The keys that some row of the block sees, from the beginning of a panel.
            int skipped = Lanes.floor(mask.linearStart(mask.queryRow(from)) - first());
            int offset = first() + skipped;
            int seen = mask.queryRow(to - 1) + 1 - offset;
            int stride = Lanes.ceil(seen);
            int panels = width / Lanes.COUNT;
            int room = Tile.ceilRows(rows);
            int column = head * d;
            float scale = (float) (1 / Math.sqrt(d));
            float[] queries = scratch.floats(Slot.QUERIES, room * width);
            float[] gradients = scratch.floats(Slot.OUTPUTS, room * width);
            float[] scores = scratch.floats(Slot.SCORES, Math.multiplyExact(room, stride));
            float[] scoreGradients = scratch.floats(Slot.SCORE_GRADIENTS, room * stride);
            AttentionPacking.rows(q, column, d, from, to, scale, queries, 0, width);
            AttentionPacking.rows(dOut, column, d, from, to, 1, gradients, 0, width);

            View panelOfScores = new View(scores, 0, stride, Lanes.COUNT);
            View panelOfGradients = new View(scoreGradients, 0, stride, Lanes.COUNT);
            Tile.multiply(
                    new View(queries, 0, width, 1), new View(keyPanels, skipped * d, Lanes.COUNT, d * Lanes.COUNT),
                    panelOfScores, rows, d, stride / Lanes.COUNT, false);
            Tile.multiply(
                    new View(gradients, 0, width, 1), new View(valuePanels, skipped * d, Lanes.COUNT, d * Lanes.COUNT),
                    panelOfGradients, rows, d, stride / Lanes.COUNT, false);
            for (int query = from; query < to; query++) {
                int row = mask.queryRow(query);
                int base = (query - from) * stride;
                int begin = base + mask.linearStart(row) - offset;
                int end = base + row + 1 - offset;
                float inner = inner(query, column);
                Exponential.apply(scores, begin, end - begin, logSumExp.get(query, head), scratch.lanes());
                for (int i = begin; i < end; i++) {
                    scoreGradients[i] = scores[i] * (scoreGradients[i] - inner);
                }
                Arrays.fill(scores, base, begin, 0);
                Arrays.fill(scoreGradients, base, begin, 0);
                // The whole of the last panel: the products below take keys several at a time.
                Arrays.fill(scores, end, base + stride, 0);
                Arrays.fill(scoreGradients, end, base + stride, 0);
            }
            Tile.multiply(
                    new View(scores, 0, 1, stride), new View(gradients, 0, width, Lanes.COUNT),
                    new View(valueGradients, skipped * width, width, Lanes.COUNT), seen, rows, panels, true);
            Tile.multiply(
                    new View(scoreGradients, 0, 1, stride), new View(queries, 0, width, Lanes.COUNT),
                    new View(keyGradients, skipped * width, width, Lanes.COUNT), seen, rows, panels, true);
            // The queries are no longer needed: their buffer takes their gradients.
            Tile.multiply(
                    new View(scoreGradients, 0, stride, 1), new View(keys, skipped * width, width, Lanes.COUNT),
                    new View(queries, 0, width, Lanes.COUNT), rows, seen, panels, false);
            write(queries, width, scale, dq, column, from, to);
        }

        /// `Σ dOut∘out` of one head of a query.
        private float inner(int query, int column) {
            MemorySegment left = dOut.memory();
            MemorySegment right = out.memory();
            long li = Spans.bytes(dOut, query, column);
            long ri = Spans.bytes(out, query, column);
            FloatVector products = FloatVector.zero(Lanes.FLOATS);
            int i = 0;
            for (; i < Lanes.floor(d); i += Lanes.COUNT) {
                products = FloatVector.fromMemorySegment(Lanes.FLOATS, left, li + 4L * i, Lanes.ORDER)
                        .fma(FloatVector.fromMemorySegment(Lanes.FLOATS, right, ri + 4L * i, Lanes.ORDER), products);
            }
            float sum = Lanes.sum(products, Scratch.current().lanes());
            for (; i < d; i++) {
                sum = Math.fma(left.get(Lanes.FLOAT, li + 4L * i), right.get(Lanes.FLOAT, ri + 4L * i), sum);
            }
            return sum;
        }

        private void write(float[] buffer, int width, float factor, Tensor to, int column, int from, int end) {
            MemorySegment memory = to.memory();
            for (int row = from; row < end; row++) {
                Buffers.store(buffer, (row - from) * width, factor, memory, Spans.bytes(to, row, column), d);
            }
        }
    }
}
