package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;

/// Inverted dropout whose mask is a function of key and position: element `i` takes word `i & 3` of the [Philox] block at
/// counter `i >>> 2` and is kept iff the word, as a number in [0, 1), is at least `p`.
final class CpuDropout {

    private final WorkerPool pool;

    CpuDropout(WorkerPool pool) {
        this.pool = pool;
    }

    void apply(Tensor x, float p, long key, boolean accumulate, Tensor out) {
        // uniform(w) >= p, both sides times 2²⁴, is an integer comparison.
        int threshold = (int) Math.ceil(p * 0x1p24);
        float factor = 1 / (1 - p);
        Spans.of(x, out).run(pool, (_, row, column, length) -> {
            long first = (long) row * x.columns() + column;
            scalar(x.memory(), Spans.bytes(x, row, column), out.memory(), Spans.bytes(out, row, column), first, length,
                    threshold, factor, key, accumulate);
        });
    }

    private static void scalar(
            MemorySegment x, long xi, MemorySegment out, long oi, long first, int length, int threshold, float factor,
            long key, boolean accumulate) {
        int[] words = new int[4];
        for (int i = 0; i < length; i++) {
            long element = first + i;
            if (i == 0 || (element & 3) == 0) {
                Philox.block(key, element >>> 2, words);
            }
            float kept = words[(int) element & 3] >>> 8 >= threshold ? x.get(Lanes.FLOAT, xi + 4L * i) * factor : 0;
            out.set(Lanes.FLOAT, oi + 4L * i, accumulate ? out.get(Lanes.FLOAT, oi + 4L * i) + kept : kept);
        }
    }
}
