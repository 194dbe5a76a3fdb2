package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.compute.cpu.Scratch.Slot;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;

/// Inverted dropout whose mask is a function of key and position; see [Philox#half].
final class CpuDropout {

    private static final int LONGS = Lanes.LONGS.length();
    private static final long LOWER_HALVES = 0x0000FFFF0000FFFFL;

    /// Lane numbers of two vectors, the second counted from LONGS: their lanes by turns, and by turns in pairs.
    private static final LongVector ZIP_LOW = zipIndexes(0, 1);
    private static final LongVector ZIP_HIGH = zipIndexes(LONGS, 1);
    private static final LongVector HALVES_LOW = zipIndexes(0, 2);
    private static final LongVector HALVES_HIGH = zipIndexes(LONGS, 2);

    private static final LongVector LANE = LongVector.zero(Lanes.LONGS).addIndex(1);
    private static final long LOW = 0xFFFFFFFFL;

    private final WorkerPool pool;

    CpuDropout(WorkerPool pool) {
        this.pool = pool;
    }

    /// Indexes that take `run` lanes of each of two vectors by turns, for the places from `first` on.
    private static LongVector zipIndexes(int first, int run) {
        long[] indexes = new long[LONGS];
        for (int i = 0; i < LONGS; i++) {
            int place = first + i;
            int turn = place / run;
            indexes[i] = turn / 2 * run + place % run + turn % 2 * LONGS;
        }
        return LongVector.fromArray(Lanes.LONGS, indexes, 0);
    }

    void apply(Tensor x, float p, long key, boolean accumulate, Tensor out) {
        int threshold = (int) Math.ceil(p * 0x1p16);
        float factor = 1 / (1 - p);
        Spans.of(x, out).run(pool, (_, row, column, length) -> {
            long first = (long) row * x.columns() + column;
            float[] factors = Scratch.current().floats(Slot.SPAN, Spans.LENGTH);
            fill(factors, first, length, key, threshold, factor);
            multiply(x.memory(), Spans.bytes(x, row, column), factors, out.memory(), Spans.bytes(out, row, column),
                    length, accumulate);
        });
    }

    /// The factor, 0 or `factor`, of each element from `first` on: whole blocks of eight by vectors, the ends one by one.
    private static void fill(float[] factors, long first, int length, long key, int threshold, float factor) {
        int head = Math.min(length, (int) (-first & 7));
        int blocks = (length - head) / (8 * LONGS) * LONGS;
        fillOneByOne(factors, 0, head, first, key, threshold, factor);
        fillBlocks(factors, head, (first + head) >>> 3, blocks, key, threshold, factor);
        fillOneByOne(factors, head + 8 * blocks, length, first, key, threshold, factor);
    }

    private static void fillOneByOne(
            float[] factors, int from, int to, long first, long key, int threshold, float factor) {
        int[] words = new int[4];
        for (int i = from; i < to; i++) {
            factors[i] = Philox.half(key, first + i, words) >= threshold ? factor : 0;
        }
    }

    /// [Philox#block] for one counter per lane of 64 bits. Words stand in the lower halves of the lanes; what the upper
    /// halves hold is cut off where it would matter.
    private static void fillBlocks(
            float[] factors, int from, long counter, int blocks, long key, int threshold, float factor) {
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
            for (int round = 0; round < Philox.MASK_ROUNDS; round++) {
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
            int to = from + 8 * block;
            store(ZIP_LOW.selectFrom(first, second), threshold, factor, factors, to);
            store(ZIP_HIGH.selectFrom(first, second), threshold, factor, factors, to + 2 * Lanes.COUNT);
        }
    }

    /// The factors of two vectors of elements from the words of their counters, four of each.
    private static void store(LongVector words, int threshold, float factor, float[] factors, int to) {
        LongVector lower = words.and(LOWER_HALVES);
        LongVector upper = words.lanewise(VectorOperators.LSHR, 16).and(LOWER_HALVES);
        FloatVector none = FloatVector.zero(Lanes.FLOATS);
        none.blend(factor, HALVES_LOW.selectFrom(lower, upper).reinterpretAsInts()
                .compare(VectorOperators.GE, threshold)
                .cast(Lanes.FLOATS))
                .intoArray(factors, to);
        none.blend(factor, HALVES_HIGH.selectFrom(lower, upper).reinterpretAsInts()
                .compare(VectorOperators.GE, threshold)
                .cast(Lanes.FLOATS))
                .intoArray(factors, to + Lanes.COUNT);
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
