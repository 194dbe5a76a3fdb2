package dev.fenlei.cli.commands;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.run.LinuxMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.Consumer;

/// One model for several jobs at the same time. Each has a view of it that can have its own adapter, and its share of the threads;
/// the weights are mapped files, which the system keeps once.
final class ModelPool implements AutoCloseable {

    /// What may be done beside a job's work before another job begins.
    private static final double MARGIN = 1.2;

    private static final long POLL_MILLIS = 200;

    /// A view of the model.
    record View(Backend backend, Decoder decoder) implements AutoCloseable {

        @Override
        public void close() {
            decoder.close();
            backend.close();
        }
    }

    /// What a job does; called on a thread of its own.
    @FunctionalInterface
    interface Job {
        void run(Backend backend, Decoder decoder) throws Exception;
    }

    private final ModelOptions options;
    private final Path model;
    private final int jobs;
    private final List<View> views = new ArrayList<>();

    ModelPool(ModelOptions options, Path model, int jobs) throws IOException {
        this.options = options;
        this.model = model;
        this.jobs = jobs;
        options.shareThreads(jobs);
        views.add(open());
    }

    private View open() throws IOException {
        Backend backend = options.backend(model);
        try {
            return new View(backend, options.decoder(model, backend));
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    View first() {
        return views.getFirst();
    }

    /// Runs the job as often as there are to be jobs and memory allows, and waits for all.
    ///
    /// @param says hears if there are fewer than asked for
    /// @throws Exception the first that a job threw; the others have ended by then
    void run(Job job, Consumer<String> says) throws Exception {
        if (jobs == 1) {
            job.run(first().backend(), first().decoder());
            return;
        }
        List<FutureTask<Void>> running = new ArrayList<>();
        long before = privateBytes();
        running.add(start(first(), job));
        for (int i = 1; i < jobs; i++) {
            long need = settledNeed(before, running) / i;
            long free = availableBytes();
            if (free > 0 && need * MARGIN > free) {
                says.accept(String.format(
                        Locale.ROOT, "%d jobs instead of %d: another would need about %,d MiB, %,d are free", i, jobs,
                        need >> 20, free >> 20));
                break;
            }
            View view = open();
            views.add(view);
            running.add(start(view, job));
        }
        Exception thrown = null;
        for (FutureTask<Void> task : running) {
            try {
                task.get();
            } catch (ExecutionException e) {
                Exception cause = e.getCause() instanceof Exception exception ? exception : e;
                if (thrown == null) {
                    thrown = cause;
                } else {
                    thrown.addSuppressed(cause);
                }
            }
        }
        if (thrown != null) {
            throw thrown;
        }
    }

    private static FutureTask<Void> start(View view, Job job) {
        FutureTask<Void> task = new FutureTask<>(() -> {
            job.run(view.backend(), view.decoder());
            return null;
        });
        Thread.ofPlatform().name("fenlei-job").start(task);
        return task;
    }

    /// What the running jobs have taken together, once it has stopped growing.
    private static long settledNeed(long before, List<FutureTask<Void>> running) throws InterruptedException {
        long need = 0;
        int still = 0;
        while (still < 10 && running.stream().noneMatch(FutureTask::isDone)) {
            Thread.sleep(POLL_MILLIS);
            long now = Math.max(0, privateBytes() - before);
            still = now > need * 1.02 ? 0 : still + 1;
            need = Math.max(need, now);
        }
        return need;
    }

    /// Memory of this process that is not mapped from files; 0 where the system does not say.
    private static long privateBytes() {
        return LinuxMemory.ofProcess("RssAnon");
    }

    private static long availableBytes() {
        return LinuxMemory.ofSystem("MemAvailable");
    }

    @Override
    public void close() {
        views.reversed().forEach(View::close);
    }
}
