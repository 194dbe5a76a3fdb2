package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.cpu.Scratch.Slot;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/// Attention of a query or two with many keys, as when text is generated: keys and values are read where they lie, as packing
/// them would take longer than using them once. A task is one head of one query.
final class CpuDecodeAttention {

    private static final int MAX_QUERIES = 2;
    private static final int LANES = Lanes.COUNT;
    private static final int VECTOR = LANES * Float.BYTES;

    private final WorkerPool pool;

    CpuDecodeAttention(WorkerPool pool) {
        this.pool = pool;
    }

    /// Whether this way is the better one. Heads must fill whole vectors, and there is no way for tree rows here.
    static boolean suits(AttentionMask mask, int headDim) {
        return mask.queryCount() <= MAX_QUERIES && !mask.hasTree() && headDim % LANES == 0;
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
        int heads = q.columns() / headDim;
        int group = q.columns() / k.columns();
        pool.parallel(mask.queryCount() * heads, task -> {
            int query = task / heads;
            int head = task % heads;
            int row = mask.queryRow(query);
            int column = head / group * headDim;
            int prefixFrom = mask.prefixStart(row);
            int prefix = mask.prefixLength() - prefixFrom;
            int ownFrom = mask.linearStart(row);
            int own = mask.linearEnd()[row] - ownFrom;

            Scratch scratch = Scratch.current();
            float[] lanes = scratch.floats(Slot.LANES, 8 * LANES);
            float[] sums = scratch.floats(Slot.SPAN, 16);
            float[] asked = scratch.floats(Slot.QUERIES, headDim);
            // Keys are taken eight at a time, the last of them with a few scores too many.
            float[] scores = scratch.floats(Slot.SCORES, prefix + own + 8);
            float[] output = scratch.floats(Slot.OUTPUTS, headDim);
            float scale = (float) (1 / Math.sqrt(headDim));
            Buffers.load(q.memory(), Spans.bytes(q, query, (long) head * headDim), scale, asked, 0, headDim);
            if (prefix > 0 && prefixKeys != null) {
                scores(prefixKeys, prefixFrom, prefix, column, asked, headDim, scores, 0, lanes, sums);
            }
            scores(k, ownFrom, own, column, asked, headDim, scores, prefix, lanes, sums);
            float max = Lanes.max(scores, 0, prefix + own);
            float sum = Exponential.apply(scores, 0, prefix + own, max, lanes);
            logSumExp.set(query, head, (float) (max + Math.log(sum)));
            Arrays.fill(output, 0, headDim, 0);
            if (prefix > 0 && prefixValues != null) {
                addWeighted(prefixValues, prefixFrom, prefix, column, scores, 0, output, headDim);
            }
            addWeighted(v, ownFrom, own, column, scores, prefix, output, headDim);
            Buffers.store(output, 0, 1 / sum, out.memory(), Spans.bytes(out, query, (long) head * headDim), headDim);
        });
    }

    private static void scores(
            Tensor keys, int from, int count, int column, float[] query, int d, float[] scores, int to, float[] lanes,
            float[] sums) {
        long pitch = keys.stride() * (long) Float.BYTES;
        for (int i = 0; i < count; i += 8) {
            int rows = Math.min(8, count - i);
            GemmKernel.dotF32(
                    keys.memory(), Spans.bytes(keys, from + i, column), pitch, rows, query, d, lanes, sums);
            System.arraycopy(sums, 0, scores, to + i, rows);
        }
    }

    /// `output += Σ weights[i] · values[from + i]`, four vectors of a row at a time, then one.
    private static void addWeighted(
            Tensor values, int from, int count, int column, float[] weights, int first, float[] output, int d) {
        MemorySegment memory = values.memory();
        long pitch = values.stride() * (long) Float.BYTES;
        long base = Spans.bytes(values, from, column);
        int i = 0;
        for (; i + 4 * LANES <= d; i += 4 * LANES) {
            FloatVector a = FloatVector.fromArray(Lanes.FLOATS, output, i);
            FloatVector b = FloatVector.fromArray(Lanes.FLOATS, output, i + LANES);
            FloatVector c = FloatVector.fromArray(Lanes.FLOATS, output, i + 2 * LANES);
            FloatVector e = FloatVector.fromArray(Lanes.FLOATS, output, i + 3 * LANES);
            long at = base + 4L * i;
            for (int row = 0; row < count; row++) {
                FloatVector weight = FloatVector.broadcast(Lanes.FLOATS, weights[first + row]);
                a = FloatVector.fromMemorySegment(Lanes.FLOATS, memory, at, Lanes.ORDER).fma(weight, a);
                b = FloatVector.fromMemorySegment(Lanes.FLOATS, memory, at + VECTOR, Lanes.ORDER).fma(weight, b);
                c = FloatVector.fromMemorySegment(Lanes.FLOATS, memory, at + 2 * VECTOR, Lanes.ORDER).fma(weight, c);
                e = FloatVector.fromMemorySegment(Lanes.FLOATS, memory, at + 3 * VECTOR, Lanes.ORDER).fma(weight, e);
                at += pitch;
            }
            a.intoArray(output, i);
            b.intoArray(output, i + LANES);
            c.intoArray(output, i + 2 * LANES);
            e.intoArray(output, i + 3 * LANES);
        }
        for (; i < d; i += LANES) {
            FloatVector a = FloatVector.fromArray(Lanes.FLOATS, output, i);
            long at = base + 4L * i;
            for (int row = 0; row < count; row++) {
                FloatVector weight = FloatVector.broadcast(Lanes.FLOATS, weights[first + row]);
                a = FloatVector.fromMemorySegment(Lanes.FLOATS, memory, at, Lanes.ORDER).fma(weight, a);
                at += pitch;
            }
            a.intoArray(output, i);
        }
    }
}
