package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Softmax over a vocabulary: cross-entropy with its gradient, and log-probabilities. One task is one row.
///
/// Exponentials are summed in float within a span and in double over spans.
final class CpuCrossEntropy {

    private final WorkerPool pool;

    CpuCrossEntropy(WorkerPool pool) {
        this.pool = pool;
    }

    void crossEntropy(Tensor logits, int[] targets, int classes, float scale, Tensor losses) {
        MemorySegment memory = logits.memory();
        pool.parallel(logits.rows(), row -> {
            long base = Spans.bytes(logits, row, 0);
            long target = base + 4L * targets[row];
            float max = max(memory, base, classes);
            float chosen = memory.get(Lanes.FLOAT, target);
            double sum = exponentials(memory, base, classes, max, true);
            losses.set(0, row, (float) (Math.log(sum) + ((double) max - chosen)));
            Buffers.scale(memory, base, (float) (scale / sum), classes);
            memory.set(Lanes.FLOAT, target, memory.get(Lanes.FLOAT, target) - scale);
            fill(memory, base, classes, logits.columns(), 0);
        });
    }

    void logSoftmax(Tensor logits, int classes) {
        MemorySegment memory = logits.memory();
        pool.parallel(logits.rows(), row -> {
            long base = Spans.bytes(logits, row, 0);
            float max = max(memory, base, classes);
            double logSum = max + Math.log(exponentials(memory, base, classes, max, false));
            for (int i = 0; i < classes; i++) {
                memory.set(Lanes.FLOAT, base + 4L * i, (float) (memory.get(Lanes.FLOAT, base + 4L * i) - logSum));
            }
            fill(memory, base, classes, logits.columns(), Float.NEGATIVE_INFINITY);
        });
    }

    private static float max(MemorySegment memory, long base, int length) {
        FloatVector largest = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
        int i = 0;
        for (; i < Lanes.floor(length); i += Lanes.COUNT) {
            largest = largest.max(FloatVector.fromMemorySegment(Lanes.FLOATS, memory, base + 4L * i, Lanes.ORDER));
        }
        float max = largest.reduceLanes(VectorOperators.MAX);
        for (; i < length; i++) {
            max = Math.max(max, memory.get(Lanes.FLOAT, base + 4L * i));
        }
        return max;
    }

    /// The sum of `exp(x − max)`; the terms replace the elements if `store` says so.
    private static double exponentials(MemorySegment memory, long base, int length, float max, boolean store) {
        Scratch scratch = Scratch.current();
        float[] terms = scratch.floats(Scratch.Slot.SPAN, Spans.LENGTH);
        double sum = 0;
        for (int from = 0; from < length; from += Spans.LENGTH) {
            int count = Math.min(Spans.LENGTH, length - from);
            MemorySegment.copy(memory, Lanes.FLOAT, base + 4L * from, terms, 0, count);
            sum += Exponential.apply(terms, 0, count, max, scratch.lanes());
            if (store) {
                MemorySegment.copy(terms, 0, memory, Lanes.FLOAT, base + 4L * from, count);
            }
        }
        return sum;
    }

    private static void fill(MemorySegment memory, long base, int from, int to, float value) {
        for (int i = from; i < to; i++) {
            memory.set(Lanes.FLOAT, base + 4L * i, value);
        }
    }
}
