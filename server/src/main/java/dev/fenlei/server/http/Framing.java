package dev.fenlei.server.http;

import io.undertow.server.HttpServerExchange;
import io.undertow.util.HeaderMap;
import io.undertow.util.HeaderValues;
import io.undertow.util.Headers;
import io.undertow.util.Protocols;
import org.jspecify.annotations.Nullable;

/// Requests whose end one program may see elsewhere than another. They are refused, lest a request hide in the body of another
/// (RFC 9112, section 11.2).
final class Framing {

    private Framing() {}

    /// @throws ApiError if the protocol is another, or if it is not plain where the request ends or whom it is for
    static void check(HttpServerExchange exchange) {
        if (!exchange.isHttp11() && !exchange.isHttp10()) {
            exchange.setProtocol(Protocols.HTTP_1_1);
            exchange.setPersistent(false);
            throw ApiError.malformed("unsupported_protocol", "the protocol must be HTTP/1.1 or HTTP/1.0");
        }
        HeaderMap headers = exchange.getRequestHeaders();
        HeaderValues encodings = headers.get(Headers.TRANSFER_ENCODING);
        HeaderValues lengths = headers.get(Headers.CONTENT_LENGTH);
        HeaderValues hosts = headers.get(Headers.HOST);
        boolean isPlain = encodings == null ? isLength(lengths) : isChunked(encodings) && lengths == null;
        boolean isOneHost = hosts == null ? !exchange.isHttp11() : hosts.size() == 1;
        if (!isPlain || !isOneHost || (encodings != null && !exchange.isHttp11())) {
            exchange.setPersistent(false);
            throw ApiError.malformed(
                    "malformed_request", "the headers Host, Content-Length and Transfer-Encoding are not as HTTP asks");
        }
    }

    private static boolean isLength(@Nullable HeaderValues lengths) {
        return lengths == null || (lengths.size() == 1 && lengths.getFirst().matches("[0-9]{1,18}"));
    }

    private static boolean isChunked(HeaderValues encodings) {
        return encodings.size() == 1 && encodings.getFirst().equalsIgnoreCase("chunked");
    }
}
