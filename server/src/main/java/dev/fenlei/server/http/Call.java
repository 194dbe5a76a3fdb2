package dev.fenlei.server.http;

import io.undertow.io.IoCallback;
import io.undertow.io.Sender;
import io.undertow.server.HttpServerExchange;
import io.undertow.util.Headers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Deque;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.xnio.IoUtils;
import tools.jackson.databind.node.ObjectNode;

/// One request and its answer, for an [Endpoint].
///
/// All bytes are written on the connection's thread, whoever calls: only one thread touches a connection.
public final class Call {

    private static final String JSON = "application/json";

    private final HttpServerExchange exchange;
    private final long deadline;
    private final long deadlineMillis;
    private final long writeTimeoutMillis;
    private final BooleanSupplier lastOnConnection;
    private @Nullable ObjectNode body;
    private @Nullable Future<?> awaited;
    private boolean gone;

    /// @param lastOnConnection whether, when the answer goes out, the connection shall take no further request
    Call(
            HttpServerExchange exchange, long deadlineMillis, long writeTimeoutMillis,
            BooleanSupplier lastOnConnection) {
        this.exchange = exchange;
        this.deadlineMillis = deadlineMillis;
        this.writeTimeoutMillis = writeTimeoutMillis;
        this.lastOnConnection = lastOnConnection;
        this.deadline = System.nanoTime() + deadlineMillis * 1_000_000;
    }

    void body(ObjectNode object) {
        body = object;
    }

    /// The body of a POST request.
    public ObjectNode body() {
        if (body == null) {
            throw new IllegalStateException("a request without a body");
        }
        return body;
    }

    /// The name of the request, as in the log.
    public String requestId() {
        return RequestIds.of(exchange);
    }

    /// The media types that the client prefers.
    public @Nullable String accept() {
        return exchange.getRequestHeaders().getFirst(Headers.ACCEPT);
    }

    /// A parameter of the query; empty if it is not there.
    public String parameter(String name) {
        Deque<String> values = exchange.getQueryParameters().get(name);
        return values == null ? "" : values.getFirst();
    }

    /// Lets a browser do other things with the answer than with all others; to be said before it.
    ///
    /// @param policy a Content-Security-Policy
    public void allow(String policy) {
        onConnection(() -> SecurityHeaders.putPolicy(exchange.getResponseHeaders(), policy));
    }

    /// Waits for a result until the deadline. If that passes or the client goes away, the result is cancelled.
    ///
    /// @throws ApiError at the deadline
    /// @throws ClientGoneException if there is nobody to answer any more
    public <T> T await(CompletableFuture<T> result) throws ExecutionException, InterruptedException {
        beginAwaiting(result);
        try {
            return result.get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
            result.cancel(false);
            throw ApiError.deadline(deadlineMillis);
        } catch (CancellationException e) {
            throw new ClientGoneException();
        }
    }

    /// The time until the deadline, in nanoseconds; negative when it has passed.
    public long remainingNanos() {
        return deadline - System.nanoTime();
    }

    /// How long the deadline was.
    public long deadlineMillis() {
        return deadlineMillis;
    }

    /// Has the result cancelled if the client goes away.
    public synchronized void beginAwaiting(Future<?> result) {
        awaited = result;
        if (gone) {
            result.cancel(false);
        }
    }

    /// The client has gone away.
    synchronized void leave() {
        gone = true;
        if (awaited != null) {
            awaited.cancel(false);
        }
    }

    /// Answers 200 with a record, map or list as JSON.
    public void reply(Object value) {
        reply(200, JSON, Json.write(value));
    }

    /// Answers with bytes.
    public void reply(int status, String contentType, byte[] bytes) {
        onConnection(() -> {
            if (exchange.isResponseStarted()) {
                return;
            }
            begin(status, contentType);
            exchange.getResponseSender().send(ByteBuffer.wrap(bytes));
        });
    }

    /// Answers with an error.
    void reply(ApiError error) {
        boolean asOriginal = exchange.getRequestPath().equals("/classify");
        byte[] bytes = Json.write(error.body(requestId(), asOriginal));
        onConnection(() -> {
            if (exchange.isResponseStarted()) {
                IoUtils.safeClose(exchange.getConnection());
                return;
            }
            if (error.isTemporary()) {
                exchange.getResponseHeaders().put(Headers.RETRY_AFTER, 1);
            }
            begin(error.status(), JSON);
            exchange.getResponseSender().send(ByteBuffer.wrap(bytes));
        });
    }

    /// Begins an answer that is sent piece by piece with [#send].
    public void beginStream(String contentType) {
        onConnection(() -> begin(200, contentType));
    }

    /// Sends a piece, and waits until the client has taken it.
    ///
    /// @throws ClientGoneException if the client is gone, or takes nothing for too long
    public void send(byte[] piece) throws InterruptedException {
        CompletableFuture<@Nullable Void> sent = new CompletableFuture<>();
        onConnection(() -> exchange.getResponseSender().send(ByteBuffer.wrap(piece), new IoCallback() {
            @Override
            public void onComplete(HttpServerExchange over, Sender sender) {
                sent.complete(null);
            }

            @Override
            public void onException(HttpServerExchange over, Sender sender, IOException e) {
                sent.completeExceptionally(e);
            }
        }));
        try {
            sent.get(writeTimeoutMillis, TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException e) {
            abort();
            throw new ClientGoneException();
        }
    }

    /// Ends an answer that was sent piece by piece.
    public void endStream() {
        onConnection(() -> exchange.getResponseSender().close(IoCallback.END_EXCHANGE));
    }

    private void begin(int status, String contentType) {
        if (lastOnConnection.getAsBoolean()) {
            exchange.setPersistent(false);
        }
        exchange.setStatusCode(status);
        exchange.getResponseHeaders().put(Headers.CONTENT_TYPE, contentType);
    }

    /// Cuts the connection: the client sees that the answer is not whole.
    void abort() {
        onConnection(() -> IoUtils.safeClose(exchange.getConnection()));
    }

    private void onConnection(Runnable action) {
        if (exchange.isInIoThread()) {
            action.run();
        } else {
            exchange.getIoThread().execute(action);
        }
    }
}
