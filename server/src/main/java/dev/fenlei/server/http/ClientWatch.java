package dev.fenlei.server.http;

import io.undertow.connector.PooledByteBuffer;
import io.undertow.server.HttpServerExchange;
import io.undertow.server.protocol.http.HttpServerConnection;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.xnio.IoUtils;

/// Notices that a client has gone away while it should wait for its answer.
///
/// Nothing reads from a connection whose request is being worked on, and without reading there is no telling that its other end
/// was closed. So this looks from time to time, on the connection's own thread, and puts back what it finds of a next request.
final class ClientWatch {

    private static final long INTERVAL_MILLIS = 100;

    private final HttpServerExchange exchange;
    private final Runnable gone;

    private ClientWatch(HttpServerExchange exchange, Runnable gone) {
        this.exchange = exchange;
        this.gone = gone;
    }

    /// Watches until the exchange is over.
    ///
    /// @param gone called on the connection's thread, once at most
    static void begin(HttpServerExchange exchange, Runnable gone) {
        if (exchange.getConnection() instanceof HttpServerConnection) {
            new ClientWatch(exchange, gone).lookLater();
        }
    }

    private void lookLater() {
        exchange.getIoThread().executeAfter(this::look, INTERVAL_MILLIS, TimeUnit.MILLISECONDS);
    }

    private void look() {
        HttpServerConnection connection = (HttpServerConnection) exchange.getConnection();
        if (exchange.isComplete() || exchange.isResponseComplete()) {
            return;
        }
        if (!connection.isOpen() || isAtEnd(connection)) {
            gone.run();
            IoUtils.safeClose(connection);
        } else {
            lookLater();
        }
    }

    private static boolean isAtEnd(HttpServerConnection connection) {
        if (connection.getExtraBytes() != null) {
            return false;
        }
        PooledByteBuffer pooled = connection.getByteBufferPool().allocate();
        boolean keep = false;
        try {
            int count = connection.getOriginalSourceConduit().read(pooled.getBuffer());
            if (count > 0) {
                pooled.getBuffer().flip();
                connection.ungetRequestBytes(pooled);
                keep = true;
            }
            return count < 0;
        } catch (IOException e) {
            return true;
        } finally {
            if (!keep) {
                pooled.close();
            }
        }
    }
}
