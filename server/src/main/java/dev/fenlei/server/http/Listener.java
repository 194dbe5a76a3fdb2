package dev.fenlei.server.http;

import dev.fenlei.server.Limit;
import dev.fenlei.server.Limits;
import dev.fenlei.server.ServerException;
import dev.fenlei.server.ServerSettings;
import io.undertow.Undertow;
import io.undertow.UndertowOptions;
import io.undertow.server.DefaultByteBufferPool;
import io.undertow.server.HttpHandler;
import io.undertow.server.HttpServerExchange;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.atomic.AtomicInteger;
import org.xnio.Options;

/// The socket, and what Undertow must be told to be safe behind it.
public final class Listener implements AutoCloseable {

    private static final int BUFFER_BYTES = 16 << 10;
    private static final int BACKLOG = 1024;
    private static final int MAX_HEADERS = 100;
    private static final int MAX_PARAMETERS = 100;

    /// How long the last answers may take to reach their clients.
    private static final long LAST_WORDS_MILLIS = 1000;

    /// Connections that were accepted before the end may have brought a request that no thread has looked at yet.
    private static final long GRACE_MILLIS = 100;

    private final Undertow undertow;
    private final AtomicInteger exchanges;
    private final int port;

    private Listener(Undertow undertow, AtomicInteger exchanges) {
        this.undertow = undertow;
        this.port = ((InetSocketAddress) undertow.getListenerInfo().getFirst().getAddress()).getPort();
        this.exchanges = exchanges;
    }

    /// Binds and begins to answer.
    ///
    /// @throws ServerException if the address cannot be had
    public static Listener open(ServerSettings settings, InetAddress address, HttpHandler handler) throws IOException {
        AtomicInteger exchanges = new AtomicInteger();
        Limits limits = settings.limits();
        Undertow.Builder builder = Undertow.builder()
                .setByteBufferPool(new DefaultByteBufferPool(false, BUFFER_BYTES, -1, 0))
                .setIoThreads(Math.max(2, Runtime.getRuntime().availableProcessors() / 2))
                .setWorkerThreads(2)
                .setServerOption(UndertowOptions.MAX_HEADER_SIZE, limits.count(Limit.MAX_HEADER_BYTES))
                .setServerOption(UndertowOptions.MAX_HEADERS, MAX_HEADERS)
                .setServerOption(UndertowOptions.MAX_PARAMETERS, MAX_PARAMETERS)
                .setServerOption(UndertowOptions.REQUEST_PARSE_TIMEOUT, limits.count(Limit.BODY_TIMEOUT_MS))
                .setServerOption(UndertowOptions.NO_REQUEST_TIMEOUT, limits.count(Limit.IDLE_TIMEOUT_MS))
                .setServerOption(UndertowOptions.ENABLE_HTTP2, false)
                .setServerOption(UndertowOptions.ALLOW_UNKNOWN_PROTOCOLS, false)
                .setServerOption(UndertowOptions.ALWAYS_SET_DATE, true)
                .setSocketOption(Options.BACKLOG, BACKLOG)
                .setSocketOption(Options.REUSE_ADDRESSES, true)
                .setSocketOption(Options.TCP_NODELAY, true)
                .setSocketOption(Options.CONNECTION_HIGH_WATER, limits.count(Limit.MAX_CONNECTIONS))
                .setSocketOption(Options.CONNECTION_LOW_WATER, limits.count(Limit.MAX_CONNECTIONS))
                .setHandler(exchange -> count(exchange, exchanges, handler));
        if (settings.tls() == null) {
            builder.addHttpListener(settings.port(), address.getHostAddress());
        } else {
            builder.addHttpsListener(settings.port(), address.getHostAddress(), PemKeyPair.context(settings.tls()));
        }
        Undertow undertow = builder.build();
        try {
            undertow.start();
        } catch (RuntimeException e) {
            throw explained(e, settings);
        }
        return new Listener(undertow, exchanges);
    }

    private static void count(HttpServerExchange exchange, AtomicInteger exchanges, HttpHandler handler)
            throws Exception {
        exchanges.incrementAndGet();
        exchange.addExchangeCompleteListener((_, next) -> {
            exchanges.decrementAndGet();
            next.proceed();
        });
        handler.handleRequest(exchange);
    }

    private static IOException explained(RuntimeException e, ServerSettings settings) {
        for (Throwable cause = e; cause != null; cause = cause.getCause()) {
            if (cause instanceof BindException) {
                boolean inUse = String.valueOf(cause.getMessage()).contains("in use");
                return new ServerException(
                        inUse
                                ? "port " + settings.port() + " of " + settings.host()
                                        + " is in use by another program; "
                                        + "choose another with --port, or any free one with --port 0"
                                : "cannot listen on port " + settings.port() + " of " + settings.host() + ": "
                                        + cause.getMessage(),
                        e);
            }
        }
        return new ServerException("the listener did not start: " + e.getMessage(), e);
    }

    /// The port that was bound.
    public int port() {
        return port;
    }

    /// Lets the last answers go out and closes the socket and all connections.
    @Override
    public void close() throws InterruptedException {
        Thread.sleep(GRACE_MILLIS);
        long until = System.nanoTime() + LAST_WORDS_MILLIS * 1_000_000;
        while (exchanges.get() > 0 && System.nanoTime() < until) {
            Thread.sleep(5);
        }
        undertow.stop();
    }
}
