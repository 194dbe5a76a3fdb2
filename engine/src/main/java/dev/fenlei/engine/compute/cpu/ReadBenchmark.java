package dev.fenlei.engine.compute.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Measures how fast memory that no cache holds can be read: what generation, which reads every weight for every token, is
/// limited by.
public final class ReadBenchmark {

    private static final long BYTES = 512L << 20;
    private static final int TASK_BYTES = 1 << 20;

    private ReadBenchmark() {}

    /// Reads half a GiB with every thread of the pool, over and over.
    ///
    /// @return 10⁹ bytes a second, for each of the repetitions
    public static double[] run(WorkerPool pool, int repetitions) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment memory = arena.allocate(BYTES, 64).fill((byte) 1);
            int tasks = (int) (BYTES / TASK_BYTES);
            float[] sums = new float[tasks * Lanes.COUNT];
            double[] rates = new double[repetitions];
            // A few rounds before those that count, as compilation takes that long.
            for (int r = -3; r < repetitions; r++) {
                long start = System.nanoTime();
                pool.parallel(tasks, task -> sum(memory, (long) task * TASK_BYTES, sums, task * Lanes.COUNT));
                double seconds = (System.nanoTime() - start) / 1e9;
                if (r >= 0) {
                    rates[r] = BYTES / seconds / 1e9;
                }
            }
            return rates;
        }
    }

    private static void sum(MemorySegment memory, long offset, float[] sums, int at) {
        FloatVector a = FloatVector.zero(Lanes.FLOATS);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        int step = Lanes.COUNT * Float.BYTES;
        for (int i = 0; i < TASK_BYTES; i += 4 * step) {
            a = a.add(FloatVector.fromMemorySegment(Lanes.FLOATS, memory, offset + i, Lanes.ORDER));
            b = b.add(FloatVector.fromMemorySegment(Lanes.FLOATS, memory, offset + i + step, Lanes.ORDER));
            c = c.add(FloatVector.fromMemorySegment(Lanes.FLOATS, memory, offset + i + 2 * step, Lanes.ORDER));
            d = d.add(FloatVector.fromMemorySegment(Lanes.FLOATS, memory, offset + i + 3 * step, Lanes.ORDER));
        }
        a.add(b).add(c.add(d)).intoArray(sums, at);
    }
}
