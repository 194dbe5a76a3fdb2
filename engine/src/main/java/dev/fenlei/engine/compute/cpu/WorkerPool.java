package dev.fenlei.engine.compute.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// The one persistent pool of platform threads: the caller works too, so `threads − 1` workers are started.
///
/// Workers spin briefly for the next job before they park, as jobs of one training step follow within microseconds.
/// Tasks are handed out one by one; a task must not depend on which thread runs it. One job runs at a time: a second
/// thread that calls [#parallel] waits; a task that calls it runs the nested job itself.
public final class WorkerPool implements AutoCloseable {

    private static final int SPINS = 20_000;

    private static final class Job {
        final int tasks;
        final IntConsumer body;
        final AtomicInteger next = new AtomicInteger();
        final AtomicInteger unfinished;
        volatile @Nullable Throwable failure;

        Job(int tasks, IntConsumer body) {
            this.tasks = tasks;
            this.body = body;
            this.unfinished = new AtomicInteger(tasks);
        }

        void work() {
            for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
                try {
                    if (failure == null) {
                        body.accept(task);
                    }
                } catch (Throwable t) {
                    failure = t;
                } finally {
                    unfinished.decrementAndGet();
                }
            }
        }
    }

    private final Thread[] workers;
    private final ThreadLocal<Boolean> inside = ThreadLocal.withInitial(() -> false);
    private volatile @Nullable Job current;
    private volatile boolean closed;

    /// @param threads the number of threads that work on a job, the caller included
    public WorkerPool(int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads must be at least 1: " + threads);
        }
        workers = new Thread[threads - 1];
        for (int i = 0; i < workers.length; i++) {
            workers[i] = Thread.ofPlatform().daemon().name("fenlei-worker-" + (i + 1)).start(this::loop);
        }
    }

    /// The number of threads that work on a job, the caller included.
    public int threads() {
        return workers.length + 1;
    }

    /// Runs `body` for 0 … tasks − 1 and returns when all are done. Rethrows the failure of a task.
    public void parallel(int tasks, IntConsumer body) {
        if (tasks <= 0) {
            return;
        }
        if (tasks == 1 || workers.length == 0 || inside.get()) {
            for (int task = 0; task < tasks; task++) {
                body.accept(task);
            }
            return;
        }
        synchronized (this) {
            Job job = new Job(tasks, body);
            current = job;
            for (Thread worker : workers) {
                LockSupport.unpark(worker);
            }
            inside.set(true);
            try {
                job.work();
            } finally {
                inside.set(false);
            }
            // Waits for tasks, not for workers: one that the system has not scheduled holds nobody up.
            for (int i = 0; job.unfinished.get() > 0; i++) {
                if (i < SPINS) {
                    Thread.onSpinWait();
                } else {
                    Thread.yield();
                }
            }
            current = null;
            if (job.failure != null) {
                throw job.failure instanceof RuntimeException e ? e : new IllegalStateException(job.failure);
            }
        }
    }

    private void loop() {
        inside.set(true);
        Job last = null;
        while (!closed) {
            Job job = current;
            for (int i = 0; i < SPINS && (job == null || job == last) && !closed; i++) {
                Thread.onSpinWait();
                job = current;
            }
            if (job == null || job == last) {
                LockSupport.park(this);
                continue;
            }
            job.work();
            last = job;
        }
    }

    @Override
    public void close() {
        closed = true;
        for (Thread worker : workers) {
            LockSupport.unpark(worker);
        }
    }
}
