package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.cpu.Scratch.Slot;
import dev.fenlei.engine.compute.cpu.Tile.View;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Attention, forward. Keys (transposed) and values of all heads are packed first; then a task is one head of one block of
/// queries: scores against the prefix and against the block's own sequence are two small matrix products, scores against
/// tree ancestors are dot products, and the whole row of scores is held until it is normalised. Keys before the windows of all
/// rows of a block are left out of the products.
final class CpuAttention {

    private final WorkerPool pool;

    CpuAttention(WorkerPool pool) {
        this.pool = pool;
    }

    void forward(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Tensor prefixKeys,
            @Nullable Tensor prefixValues,
            AttentionMask mask,
            int headDim,
            Tensor out,
            Tensor logSumExp) {
        AttentionLayout layout = AttentionLayout.of(mask);
        int heads = q.columns() / headDim;
        int keyValueHeads = k.columns() / headDim;
        int group = heads / keyValueHeads;
        int width = Lanes.ceil(headDim);
        int slots = layout.slots();
        Scratch scratch = Scratch.current();
        float[] keys = scratch.floats(Slot.SHARED_KEYS, product(keyValueHeads, slots, headDim));
        float[] values = scratch.floats(Slot.SHARED_VALUES, product(keyValueHeads, slots, width));

        pool.parallel((layout.sequences() + 1) * keyValueHeads, task -> {
            int head = task % keyValueHeads;
            int sequence = task / keyValueHeads - 1;
            boolean prefix = sequence < 0;
            if (prefix && (prefixKeys == null || prefixValues == null)) {
                return;
            }
            int from = prefix ? 0 : layout.firstRow()[sequence];
            int to = prefix ? mask.prefixLength() : layout.firstRow()[sequence + 1];
            int slot = head * slots + (prefix ? 0 : layout.firstSlot()[sequence]);
            Tensor keySource = prefix && prefixKeys != null ? prefixKeys : k;
            Tensor valueSource = prefix && prefixValues != null ? prefixValues : v;
            AttentionPacking.panels(keySource, head * headDim, headDim, from, to, keys, slot * headDim);
            AttentionPacking.rows(valueSource, head * headDim, headDim, from, to, 1, values, slot * width, width);
        });
        pool.parallel(layout.blocks() * heads, task -> {
            int head = task % heads;
            int slot = head / group * slots;
            new Block(layout, task / heads, head, head / group, headDim, q, k, v, out, logSumExp)
                    .run(keys, values, slot);
        });
    }

    private static int product(int a, int b, int c) {
        return Math.multiplyExact(Math.multiplyExact(a, b), c);
    }

    /// One head of one block of queries.
    private record Block(
            AttentionLayout layout,
            int block,
            int head,
            int keyValueHead,
            int d,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor out,
            Tensor logSumExp) {

        void run(float[] keys, float[] values, int headSlot) {
            AttentionMask mask = layout.mask();
            int sequence = layout.blockSequence()[block];
            int first = layout.firstRow()[sequence];
            int from = layout.blockQuery()[block];
            int rows = layout.blockQuery()[block + 1] - from;
            int prefixSkipped = mask.prefixLength();
            int ownSkipped = Integer.MAX_VALUE;
            int ownEnd = 0;
            int depth = 0;
            for (int i = 0; i < rows; i++) {
                int row = mask.queryRow(from + i);
                prefixSkipped = Math.min(prefixSkipped, mask.prefixStart(row));
                ownSkipped = Math.min(ownSkipped, mask.linearStart(row) - first);
                ownEnd = Math.max(ownEnd, mask.linearEnd()[row] - first);
                depth = Math.max(depth, mask.treeRows(row));
            }
            // Whole panels are skipped, so that those that remain stay aligned.
            prefixSkipped = Lanes.floor(prefixSkipped);
            ownSkipped = Lanes.floor(ownSkipped);
            int prefix = mask.prefixLength() - prefixSkipped;
            int own = ownEnd - ownSkipped;
            int ownStart = Lanes.ceil(prefix);
            int treeStart = ownStart + Lanes.ceil(own);
            int stride = treeStart + depth;
            int width = Lanes.ceil(d);
            int room = Tile.ceilRows(rows);

            Scratch scratch = Scratch.current();
            float[] queries = scratch.floats(Slot.QUERIES, room * d);
            float[] scores = scratch.floats(Slot.SCORES, Math.multiplyExact(room, stride));
            float[] outputs = scratch.floats(Slot.OUTPUTS, room * width);
            float[] lanes = scratch.lanes();
            AttentionPacking.rows(q, head * d, d, from, from + rows, (float) (1 / Math.sqrt(d)), queries, 0, d);

            int prefixSlot = headSlot + prefixSkipped;
            int ownSlot = headSlot + layout.firstSlot()[sequence] + ownSkipped;
            View queryView = new View(queries, 0, d, 1);
            Tile.multiply(
                    queryView,
                    new View(keys, prefixSlot * d, Lanes.COUNT, d * Lanes.COUNT),
                    new View(scores, 0, stride, Lanes.COUNT),
                    rows, d, ownStart / Lanes.COUNT, false);
            Tile.multiply(
                    queryView,
                    new View(keys, ownSlot * d, Lanes.COUNT, d * Lanes.COUNT),
                    new View(scores, ownStart, stride, Lanes.COUNT),
                    rows, d, (treeStart - ownStart) / Lanes.COUNT, false);
            float[] sums = scratch.floats(Slot.SPAN, rows);
            for (int i = 0; i < rows; i++) {
                int row = mask.queryRow(from + i);
                int base = i * stride;
                int prefixFrom = base + mask.prefixStart(row) - prefixSkipped;
                int prefixSeen = mask.prefixLength() - mask.prefixStart(row);
                int ownFrom = base + ownStart + mask.linearStart(row) - first - ownSkipped;
                int ownSeen = mask.linearEnd()[row] - mask.linearStart(row);
                int nodes = mask.treeRows(row);
                treeScores(row, nodes, queries, i * d, scores, base + treeStart);
                float max = Math.max(
                        Lanes.max(scores, prefixFrom, prefixSeen),
                        Math.max(Lanes.max(scores, ownFrom, ownSeen), Lanes.max(scores, base + treeStart, nodes)));
                float sum = Exponential.apply(scores, prefixFrom, prefixSeen, max, lanes)
                        + Exponential.apply(scores, ownFrom, ownSeen, max, lanes)
                        + Exponential.apply(scores, base + treeStart, nodes, max, lanes);
                Arrays.fill(scores, base, prefixFrom, 0);
                Arrays.fill(scores, base + ownStart, ownFrom, 0);
                Arrays.fill(scores, ownFrom + ownSeen, base + ownStart + own, 0);
                sums[i] = sum;
                logSumExp.set(from + i, head, (float) (max + Math.log(sum)));
            }

            View outputView = new View(outputs, 0, width, Lanes.COUNT);
            Tile.multiply(
                    new View(scores, 0, stride, 1),
                    new View(values, prefixSlot * width, width, Lanes.COUNT),
                    outputView, rows, prefix, width / Lanes.COUNT, false);
            Tile.multiply(
                    new View(scores, ownStart, stride, 1),
                    new View(values, ownSlot * width, width, Lanes.COUNT),
                    outputView, rows, own, width / Lanes.COUNT, true);
            for (int i = 0; i < rows; i++) {
                int row = mask.queryRow(from + i);
                addTreeValues(row, mask.treeRows(row), scores, i * stride + treeStart, outputs, i * width);
                write(outputs, i * width, 1 / sums[i], from + i);
            }
        }

        /// Scores of a tree row against itself and its nearest ancestors, `nodes` in all.
        private void treeScores(int row, int nodes, float[] queries, int query, float[] scores, int to) {
            MemorySegment memory = k.memory();
            for (int above = 0, node = row; above < nodes; above++, node = layout.mask().parent()[node]) {
                long base = Spans.bytes(k, node, (long) keyValueHead * d);
                float sum = 0;
                for (int i = 0; i < d; i++) {
                    sum = Math.fma(queries[query + i], memory.get(Lanes.FLOAT, base + 4L * i), sum);
                }
                scores[to + above] = sum;
            }
        }

        private void addTreeValues(int row, int nodes, float[] scores, int weights, float[] outputs, int to) {
            MemorySegment memory = v.memory();
            for (int above = 0, node = row; above < nodes; above++, node = layout.mask().parent()[node]) {
                long base = Spans.bytes(v, node, (long) keyValueHead * d);
                float weight = scores[weights + above];
                for (int i = 0; i < d; i++) {
                    outputs[to + i] += weight * memory.get(Lanes.FLOAT, base + 4L * i);
                }
            }
        }

        private void write(float[] outputs, int from, float factor, int query) {
            Buffers.store(outputs, from, factor, out.memory(), Spans.bytes(out, query, (long) head * d), d);
        }
    }
}
