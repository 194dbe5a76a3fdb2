package dev.fenlei.cli;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// Ctrl-C and `kill`, for commands that run long: the JVM waits for the command to come to a clean end.
///
/// A command asks between two pieces of work ([#throwIfRequested]), and registers what blocks and must be told to stop
/// ([#onRequest]). The process ends when the command has returned, or when the patience given to it is over.
public final class Interruption {

    private static final Logger LOG = LoggerFactory.getLogger(Interruption.class);

    private final Deque<Runnable> stoppers = new ArrayDeque<>();
    private final CountDownLatch finished = new CountDownLatch(1);
    private final Duration patience;
    private volatile boolean requested;
    private volatile boolean exitsWithStatus;
    private volatile int status;

    /// @param patience how long the command may take to end after it was asked to
    public Interruption(Duration patience) {
        this.patience = patience;
    }

    /// Makes the JVM's shutdown, which SIGINT and SIGTERM cause, ask this object and wait for [#finish].
    void install() {
        Runtime.getRuntime().addShutdownHook(new Thread(this::shutDown, "fenlei-interruption"));
    }

    private void shutDown() {
        request();
        if (requested && exitsWithStatus && finished.getCount() == 0) {
            // A JVM that a signal ends has the signal's number in its exit status, whatever else is said.
            Runtime.getRuntime().halt(status);
        }
    }

    /// Makes a signal end the process with the status of the command: for services, which are meant to end so.
    public void exitWithStatusOfCommand() {
        exitsWithStatus = true;
    }

    /// Whether the user has asked the command to stop.
    public boolean requested() {
        return requested;
    }

    /// To be called where the command can end with nothing half done.
    ///
    /// @throws InterruptedCommandException if the user has asked the command to stop
    public void throwIfRequested() {
        if (requested) {
            throw new InterruptedCommandException();
        }
    }

    /// Registers an action for when the user asks to stop; it runs on another thread, the latest registered first.
    /// Closing the registration takes it back.
    public Registration onRequest(Runnable stopper) {
        synchronized (stoppers) {
            stoppers.push(stopper);
        }
        return () -> {
            synchronized (stoppers) {
                stoppers.remove(stopper);
            }
        };
    }

    /// The command has returned: a shutdown need not wait any more.
    void finish(int exitStatus) {
        status = exitStatus;
        finished.countDown();
    }

    void request() {
        if (finished.getCount() == 0) {
            return;
        }
        requested = true;
        for (Runnable stopper : registered()) {
            try {
                stopper.run();
            } catch (RuntimeException e) {
                LOG.warn("A clean-up action failed", e);
            }
        }
        try {
            if (!finished.await(patience.toMillis(), TimeUnit.MILLISECONDS)) {
                LOG.warn("The command did not end within {}; stopping it", patience);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Iterable<Runnable> registered() {
        synchronized (stoppers) {
            return new ArrayDeque<>(stoppers);
        }
    }

    /// An action registered with [#onRequest].
    @FunctionalInterface
    public interface Registration extends AutoCloseable {

        @Override
        void close();
    }
}
