package dev.fenlei.server.http;

import dev.fenlei.server.Limit;
import dev.fenlei.server.Limits;
import io.undertow.connector.PooledByteBuffer;
import io.undertow.server.HttpServerExchange;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.xnio.XnioExecutor;
import org.xnio.channels.StreamSourceChannel;

/// Reads bodies, holding no thread however slowly they come, and no more memory than what has come.
///
/// Undertow's own receiver reserves what `Content-Length` promises, which a thousand idle connections can promise too.
final class BodyReader {

    private final int maxBytes;
    private final long maxBufferedBytes;
    private final long timeoutMillis;
    private final AtomicLong bufferedBytes = new AtomicLong();

    BodyReader(Limits limits) {
        maxBytes = limits.count(Limit.MAX_BODY_BYTES);
        maxBufferedBytes = limits.get(Limit.MAX_BUFFERED_BYTES);
        timeoutMillis = limits.get(Limit.BODY_TIMEOUT_MS);
    }

    /// Learns of the body, or why there is none; once, on the connection's thread.
    interface Listener {

        void complete(byte[] body);

        void failed(ApiError error);
    }

    /// Reads the body of a request; to be called on the connection's thread.
    void read(HttpServerExchange exchange, Listener listener) {
        if (exchange.getRequestContentLength() > maxBytes) {
            listener.failed(ApiError.tooLarge(maxBytes));
        } else if (exchange.isRequestComplete()) {
            listener.complete(new byte[0]);
        } else {
            new Reading(exchange, listener).begin();
        }
    }

    private final class Reading {

        private final HttpServerExchange exchange;
        private final Listener listener;
        private final StreamSourceChannel channel;
        private final ByteArrayOutputStream body = new ByteArrayOutputStream();
        private final XnioExecutor.Key timer;
        private boolean over;

        Reading(HttpServerExchange exchange, Listener listener) {
            this.exchange = exchange;
            this.listener = listener;
            this.channel = exchange.getRequestChannel();
            this.timer = exchange.getIoThread().executeAfter(
                    () -> fail(ApiError.bodyTimeout()), timeoutMillis, TimeUnit.MILLISECONDS);
        }

        void begin() {
            channel.getReadSetter().set(_ -> readAvailable());
            // A connection that breaks ends the exchange before the body is complete.
            exchange.addExchangeCompleteListener((_, next) -> {
                end();
                next.proceed();
            });
            readAvailable();
        }

        private void readAvailable() {
            if (over) {
                return;
            }
            try (PooledByteBuffer pooled = exchange.getConnection().getByteBufferPool().allocate()) {
                ByteBuffer buffer = pooled.getBuffer();
                while (true) {
                    int count = channel.read(buffer.clear());
                    if (count < 0) {
                        complete();
                        return;
                    }
                    if (count == 0) {
                        channel.resumeReads();
                        return;
                    }
                    if (body.size() + count > maxBytes) {
                        fail(ApiError.tooLarge(maxBytes));
                        return;
                    }
                    if (bufferedBytes.addAndGet(count) > maxBufferedBytes) {
                        bufferedBytes.addAndGet(-count);
                        fail(ApiError.full());
                        return;
                    }
                    body.write(buffer.array(), buffer.arrayOffset(), count);
                }
            } catch (IOException | RuntimeException e) {
                fail(ApiError.malformed("malformed_body", "the body is not framed as HTTP asks"));
            }
        }

        private void complete() {
            if (end()) {
                listener.complete(body.toByteArray());
            }
        }

        private void fail(ApiError error) {
            if (end()) {
                listener.failed(error);
            }
        }

        private boolean end() {
            if (over) {
                return false;
            }
            over = true;
            timer.remove();
            bufferedBytes.addAndGet(-body.size());
            channel.getReadSetter().set(null);
            channel.suspendReads();
            return true;
        }
    }
}
