package dev.fenlei.server;

import dev.fenlei.server.http.Gate;
import dev.fenlei.server.http.Listener;
import dev.fenlei.server.inference.Admission;
import dev.fenlei.server.runs.RunRoutes;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/// The page over the run folders. It listens on the loopback interface only, as who reaches it may delete runs.
public final class RunsServer implements AutoCloseable {

    private static final String HOST = "127.0.0.1";

    private final Admission admission;
    private final ExecutorService executor;
    private final Listener listener;
    private final ServerSettings settings;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile boolean closing;

    private RunsServer(Path runs, int port) throws IOException {
        settings = ServerSettings.of(runs).withHost(HOST).withPort(port); // whose model nobody opens
        admission = new Admission(settings.limits().count(Limit.MAX_QUEUE));
        executor = Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("fenlei-runs-", 0).factory());
        Gate gate = new Gate(
                settings, true, RunRoutes.of(runs, () -> closing), admission,
                () -> closing ? Gate.State.DRAINING : Gate.State.READY, executor, (_, _, _, _) -> {});
        listener = Listener.open(settings, InetAddress.getByName(HOST), gate);
    }

    /// Binds and begins to answer.
    ///
    /// @param runs the folder that holds run folders; it may come to be later
    /// @param port 0 for any free one
    /// @throws ServerException if the port cannot be had
    public static RunsServer start(Path runs, int port) throws IOException {
        return new RunsServer(runs, port);
    }

    /// Where it answers, with the port that was chosen.
    public URI uri() {
        return URI.create("http://" + HOST + ":" + listener.port());
    }

    /// Waits until another thread has closed it.
    public void awaitEnd() throws InterruptedException {
        ended.await();
    }

    @Override
    public void close() {
        synchronized (this) {
            if (closing) {
                return;
            }
            closing = true;
        }
        try {
            executor.shutdownNow(); // pages that watch would wait for ever
            admission.awaitEmpty(settings.limits().time(Limit.DRAIN_MS));
            listener.close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            ended.countDown();
        }
    }
}
