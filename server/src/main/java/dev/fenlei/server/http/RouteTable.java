package dev.fenlei.server.http;

import io.undertow.server.HttpServerExchange;
import io.undertow.util.Headers;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Which route answers a request.
final class RouteTable {

    private static final Set<String> KNOWN_METHODS = Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS");

    private final Map<String, Map<String, Route>> byPath = new LinkedHashMap<>();

    RouteTable(List<Route> routes) {
        routes.forEach(route -> byPath.computeIfAbsent(route.path(), _ -> new TreeMap<>()).put(route.method(), route));
    }

    /// The route of a request; null if there is none. HEAD is answered as GET, without its body.
    @Nullable
    Route find(HttpServerExchange exchange) {
        String method = exchange.getRequestMethod().toString();
        return byPath.getOrDefault(exchange.getRequestPath(), Map.of()).get(method.equals("HEAD") ? "GET" : method);
    }

    /// Why a request has no route.
    ApiError whyNone(HttpServerExchange exchange) {
        Map<String, Route> methods = byPath.get(exchange.getRequestPath());
        if (methods == null) {
            return ApiError.noRoute();
        }
        String allowed = String.join(", ", methods.keySet());
        exchange.getResponseHeaders().put(Headers.ALLOW, allowed);
        return ApiError.methodNotAllowed(allowed);
    }

    static boolean isKnownMethod(HttpServerExchange exchange) {
        return KNOWN_METHODS.contains(exchange.getRequestMethod().toString());
    }
}
