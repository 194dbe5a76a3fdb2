package dev.fenlei.server.http;

import io.undertow.server.HttpServerExchange;
import io.undertow.util.HeaderMap;
import io.undertow.util.Headers;
import io.undertow.util.HttpString;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// From which web pages the service may be called: its own, and those of the origins that the settings allow (CORS).
///
/// A page of any other origin is refused, though it could not read the answer: it must not be able to keep the service of the
/// machine busy that it is viewed on. Where the service trusts whoever reaches the loopback interface, it must moreover be
/// called by a name of that interface: a page could else have its own name resolve to it (DNS rebinding).
final class Origins {

    private static final HttpString ORIGIN = new HttpString("Origin");
    private static final HttpString ALLOW_ORIGIN = new HttpString("Access-Control-Allow-Origin");
    private static final HttpString ALLOW_METHODS = new HttpString("Access-Control-Allow-Methods");
    private static final HttpString ALLOW_HEADERS = new HttpString("Access-Control-Allow-Headers");
    private static final HttpString EXPOSE_HEADERS = new HttpString("Access-Control-Expose-Headers");
    private static final HttpString MAX_AGE = new HttpString("Access-Control-Max-Age");
    private static final HttpString REQUEST_METHOD = new HttpString("Access-Control-Request-Method");
    private static final Set<String> LOOPBACK_NAMES = Set.of("localhost", "127.0.0.1", "[::1]");

    private final List<String> allowed;
    private final boolean loopbackOnly;

    /// @param loopbackOnly whether the service trusts whoever reaches the loopback interface
    Origins(List<String> allowed, boolean loopbackOnly) {
        this.allowed = allowed;
        this.loopbackOnly = loopbackOnly;
    }

    /// Whether the request is a browser's question that [#answerPreflight] answers.
    boolean isPreflight(HttpServerExchange exchange) {
        return exchange.getRequestMethod().toString().equals("OPTIONS")
                && exchange.getRequestHeaders().contains(REQUEST_METHOD)
                && allows(exchange.getRequestHeaders().getFirst(ORIGIN));
    }

    void answerPreflight(HttpServerExchange exchange) {
        HeaderMap headers = exchange.getResponseHeaders();
        headers.put(ALLOW_METHODS, "GET, POST");
        headers.put(ALLOW_HEADERS, "Authorization, Content-Type, X-API-Key, X-Request-Id");
        headers.put(MAX_AGE, 600);
        exchange.setStatusCode(204);
    }

    /// Checks where a request comes from, and lets the browser know that it may show the answer.
    ///
    /// @throws ApiError if it may not come from there
    void check(HttpServerExchange exchange) {
        HeaderMap headers = exchange.getRequestHeaders();
        String host = headers.getFirst(Headers.HOST);
        if (loopbackOnly && host != null && !LOOPBACK_NAMES.contains(name(host))) {
            throw ApiError.forbidden(
                    "unknown_host", "without a key the service answers to localhost, 127.0.0.1 and [::1] only");
        }
        String origin = headers.getFirst(ORIGIN);
        if (origin == null) {
            return;
        }
        if (allows(origin)) {
            exchange.getResponseHeaders().put(ALLOW_ORIGIN, allowed.contains("*") ? "*" : origin);
            exchange.getResponseHeaders().put(EXPOSE_HEADERS, "X-Request-Id, Retry-After");
            exchange.getResponseHeaders().put(Headers.VARY, "Origin");
        } else if (!origin.equals(exchange.getRequestScheme() + "://" + host)) {
            throw ApiError.forbidden("unknown_origin", "pages of this origin may not call the service (--cors-origin)");
        }
    }

    private boolean allows(@Nullable String origin) {
        return origin != null && (allowed.contains("*") || allowed.contains(origin));
    }

    private static String name(String host) {
        try {
            String name = URI.create("http://" + host).getHost();
            return name == null ? "" : name.toLowerCase(Locale.ROOT);
        } catch (IllegalArgumentException e) {
            return "";
        }
    }
}
