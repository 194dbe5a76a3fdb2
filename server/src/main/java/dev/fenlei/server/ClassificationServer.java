package dev.fenlei.server;

import dev.fenlei.server.api.Routes;
import dev.fenlei.server.http.Gate;
import dev.fenlei.server.http.Listener;
import dev.fenlei.server.inference.Admission;
import dev.fenlei.server.inference.InferenceLoop;
import dev.fenlei.server.metrics.Metrics;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The classification service: answers HTTP from [#start] on, classifies once the models are open, and ends with [#close] when
/// it has answered what it had accepted.
public final class ClassificationServer implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(ClassificationServer.class);

    private final ServerSettings settings;
    private final Admission admission;
    private final InferenceLoop loop;
    private final ExecutorService executor;
    private final Listener listener;
    private final CountDownLatch ended = new CountDownLatch(1);
    private boolean closing;
    private volatile boolean draining;

    private ClassificationServer(ServerSettings settings, InetAddress address) throws IOException {
        this.settings = settings;
        int places = settings.limits().count(Limit.MAX_QUEUE);
        admission = new Admission(places);
        Metrics metrics = new Metrics(admission, places);
        loop = new InferenceLoop(settings, metrics);
        executor = Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("fenlei-request-", 0).factory());
        boolean trustsLoopback = address.isLoopbackAddress() && settings.apiKeys().isEmpty();
        Gate gate = new Gate(
                settings, trustsLoopback, Routes.of(settings, loop, metrics, this::state), admission, this::state,
                executor,
                metrics);
        listener = Listener.open(settings, address, gate);
    }

    /// Binds to the address, begins to answer, and begins to open the models.
    ///
    /// @throws ServerException if the address cannot be had, or is open to strangers although nothing keeps them out
    public static ClassificationServer start(ServerSettings settings) throws IOException {
        InetAddress address;
        try {
            address = InetAddress.getByName(settings.host());
        } catch (UnknownHostException e) {
            throw new ServerException("the host '" + settings.host() + "' is not an address of this machine", e);
        }
        if (!address.isLoopbackAddress() && settings.apiKeys().isEmpty() && !settings.insecure()) {
            throw new ServerException("other machines can reach " + settings.host() + ", so that a key is needed: set "
                    + "--api-key, or say with --insecure that strangers may use the service");
        }
        ClassificationServer server = new ClassificationServer(settings, address);
        server.loop.start();
        if (!address.isLoopbackAddress() && settings.apiKeys().isEmpty()) {
            LOG.warn("Strangers may use the service: it listens on {} and asks for no key", settings.host());
        }
        return server;
    }

    /// Where it answers, with the port that was chosen.
    public URI uri() {
        String host = settings.host().contains(":") ? "[" + settings.host() + "]" : settings.host();
        return URI.create((settings.tls() == null ? "http://" : "https://") + host + ":" + port());
    }

    /// The port.
    public int port() {
        return listener.port();
    }

    /// Waits until texts can be classified.
    ///
    /// @throws IOException if a model cannot be opened
    public void awaitReady() throws IOException, InterruptedException {
        try {
            loop.models().get();
        } catch (ExecutionException e) {
            switch (Objects.requireNonNull(e.getCause())) {
                case IOException cause -> throw cause;
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                default -> throw new IOException(e.getCause());
            }
        }
    }

    /// Waits until another thread has closed the service.
    public void awaitEnd() throws InterruptedException {
        ended.await();
    }

    private Gate.State state() {
        if (draining) {
            return Gate.State.DRAINING;
        }
        return loop.modelsIfReady() == null ? Gate.State.LOADING : Gate.State.READY;
    }

    /// Takes no more requests, finishes those it has within [Limit#DRAIN_MS], and stops.
    @Override
    public void close() {
        synchronized (this) {
            if (closing) {
                return;
            }
            closing = true;
        }
        draining = true;
        try {
            if (!admission.awaitEmpty(settings.limits().time(Limit.DRAIN_MS))) {
                LOG.warn("Requests did not end in time; they are cut off");
            }
            listener.close();
            loop.close();
            executor.shutdownNow();
            if (!executor.awaitTermination(1, TimeUnit.SECONDS)) {
                LOG.warn("Threads of requests did not end in time");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            ended.countDown();
        }
    }
}
