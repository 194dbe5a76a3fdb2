package dev.fenlei.cli.bench;

import dev.fenlei.cli.Interruption;

/// How often a piece of work is done.
///
/// @param warmUp the runs before those that count, in which the JVM compiles
/// @param timed the runs that count
/// @param interruption ends the work between two runs
public record Repetitions(int warmUp, int timed, Interruption interruption) {

    public Repetitions {
        if (warmUp < 0 || timed < 1) {
            throw new IllegalArgumentException("--warm-up must not be negative, and --repetitions at least 1");
        }
    }

    /// Work that may fail.
    @FunctionalInterface
    interface Work<E extends Exception> {
        void run() throws E;
    }

    /// Runs the work and returns the seconds of each run that counts.
    <E extends Exception> double[] seconds(Work<E> work) throws E {
        double[] seconds = new double[timed];
        for (int i = -warmUp; i < timed; i++) {
            interruption.throwIfRequested();
            long start = System.nanoTime();
            work.run();
            double elapsed = (System.nanoTime() - start) / 1e9;
            if (i >= 0) {
                seconds[i] = elapsed;
            }
        }
        return seconds;
    }
}
