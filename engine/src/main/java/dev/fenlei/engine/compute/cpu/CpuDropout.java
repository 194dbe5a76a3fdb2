package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.compute.cpu.Scratch.Slot;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;

/// Inverted dropout whose mask is a function of key and position: element `i` takes word `i & 3` of the [Philox] block at
/// counter `i >>> 2` and is kept iff the word, as a number in [0, 1), is at least `p`.
final class CpuDropout {

    private static final int LONGS = Lanes.LONGS.length();
    private static final VectorShuffle<Long> ZIP_LOW = VectorShuffle.makeZip(Lanes.LONGS, 0);
    private static final VectorShuffle<Long> ZIP_HIGH = VectorShuffle.makeZip(Lanes.LONGS, 1);
    private static final LongVector LANE = LongVector.zero(Lanes.LONGS).addIndex(1);
    private static final long LOW = 0xFFFFFFFFL;

    private final WorkerPool pool;

    CpuDropout(WorkerPool pool) {
        this.pool = pool;
    }

    void apply(Tensor x, float p, long key, boolean accumulate, Tensor out) {
        // uniform(word) >= p, both sides times 2²⁴, is an integer comparison.
        int threshold = (int) Math.ceil(p * 0x1p24);
        float factor = 1 / (1 - p);
        Spans.of(x, out).run(pool, (_, row, column, length) -> {
            long first = (long) row * x.columns() + column;
            float[] factors = Scratch.current().floats(Slot.SPAN, Spans.LENGTH);
            fill(factors, first, length, key, threshold, factor);
            multiply(x.memory(), Spans.bytes(x, row, column), factors, out.memory(), Spans.bytes(out, row, column),
                    length, accumulate);
        });
    }

    /// The factor, 0 or `factor`, of each element from `first` on: whole blocks of four by vectors, the ends one by one.
    private static void fill(float[] factors, long first, int length, long key, int threshold, float factor) {
        int head = Math.min(length, (int) (-first & 3));
        int blocks = (length - head) / (4 * LONGS) * LONGS;
        fillOneByOne(factors, 0, head, first, key, threshold, factor);
        fillBlocks(factors, head, (first + head) >>> 2, blocks, key, threshold, factor);
        fillOneByOne(factors, head + 4 * blocks, length, first, key, threshold, factor);
    }

    private static void fillOneByOne(
            float[] factors, int from, int to, long first, long key, int threshold, float factor) {
        int[] words = new int[4];
        for (int i = from; i < to; i++) {
            Philox.block(key, (first + i) >>> 2, words);
            factors[i] = words[(int) (first + i) & 3] >>> 8 >= threshold ? factor : 0;
        }
    }

    /// [Philox#block] for one counter per lane of 64 bits. Words stand in the lower halves of the lanes; what the upper
    /// halves hold is cut off where it would matter.
    private static void fillBlocks(
            float[] factors, int from, long counter, int blocks, long key, int threshold, float factor) {
        // The threshold on 32-bit words, with the sign bit flipped so that the comparison is unsigned.
        int limit = (threshold << 8) ^ Integer.MIN_VALUE;
        // Masked although they have only 32 bits: C2 multiplies 32-bit halves, several times faster than whole lanes, where
        // it sees that both factors are masked.
        LongVector m0 = LongVector.broadcast(Lanes.LONGS, Philox.M0).and(LOW);
        LongVector m1 = LongVector.broadcast(Lanes.LONGS, Philox.M1).and(LOW);
        for (int block = 0; block < blocks; block += LONGS) {
            LongVector c0 = LANE.add(counter + block);
            LongVector c1 = c0.lanewise(VectorOperators.LSHR, 32);
            LongVector c2 = LongVector.zero(Lanes.LONGS);
            LongVector c3 = c2;
            int k0 = (int) key;
            int k1 = (int) (key >>> 32);
            for (int round = 0; round < Philox.ROUNDS; round++) {
                LongVector p0 = c0.and(LOW).mul(m0);
                LongVector p1 = c2.and(LOW).mul(m1);
                c0 = p1.lanewise(VectorOperators.LSHR, 32)
                        .lanewise(VectorOperators.XOR, c1)
                        .lanewise(VectorOperators.XOR, k0 & LOW);
                c2 = p0.lanewise(VectorOperators.LSHR, 32)
                        .lanewise(VectorOperators.XOR, c3)
                        .lanewise(VectorOperators.XOR, k1 & LOW);
                c1 = p1;
                c3 = p0;
                k0 += Philox.W0;
                k1 += Philox.W1;
            }
            // Lanes of two words each, (0, 1) and (2, 3), then the four words of a counter side by side.
            LongVector first = c0.and(LOW).or(c1.lanewise(VectorOperators.LSHL, 32));
            LongVector second = c2.and(LOW).or(c3.lanewise(VectorOperators.LSHL, 32));
            FloatVector none = FloatVector.zero(Lanes.FLOATS);
            int to = from + 4 * block;
            none.blend(factor, first.rearrange(ZIP_LOW, second).reinterpretAsInts()
                    .lanewise(VectorOperators.XOR, Integer.MIN_VALUE)
                    .compare(VectorOperators.GE, limit)
                    .cast(Lanes.FLOATS))
                    .intoArray(factors, to);
            none.blend(factor, first.rearrange(ZIP_HIGH, second).reinterpretAsInts()
                    .lanewise(VectorOperators.XOR, Integer.MIN_VALUE)
                    .compare(VectorOperators.GE, limit)
                    .cast(Lanes.FLOATS))
                    .intoArray(factors, to + Lanes.COUNT);
        }
    }

    private static void multiply(
            MemorySegment x, long xi, float[] factors, MemorySegment out, long oi, int length, boolean accumulate) {
        FloatVector none = FloatVector.zero(Lanes.FLOATS);
        int i = 0;
        for (int end = Lanes.floor(length); i < end; i += Lanes.COUNT) {
            FloatVector factor = FloatVector.fromArray(Lanes.FLOATS, factors, i);
            // A blend, as 0 times an infinite number would not be 0.
            FloatVector kept = FloatVector.fromMemorySegment(Lanes.FLOATS, x, xi + 4L * i, Lanes.ORDER)
                    .mul(factor)
                    .blend(none, factor.eq(0));
            FloatVector old = accumulate
                    ? FloatVector.fromMemorySegment(Lanes.FLOATS, out, oi + 4L * i, Lanes.ORDER)
                    : none;
            kept.add(old).intoMemorySegment(out, oi + 4L * i, Lanes.ORDER);
        }
        for (; i < length; i++) {
            float kept = factors[i] == 0 ? 0 : x.get(Lanes.FLOAT, xi + 4L * i) * factors[i];
            out.set(Lanes.FLOAT, oi + 4L * i, accumulate ? out.get(Lanes.FLOAT, oi + 4L * i) + kept : kept);
        }
    }
}
