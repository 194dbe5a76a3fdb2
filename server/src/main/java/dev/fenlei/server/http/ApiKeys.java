package dev.fenlei.server.http;

import io.undertow.server.HttpServerExchange;
import io.undertow.util.HeaderMap;
import io.undertow.util.Headers;
import io.undertow.util.HttpString;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The keys of which a request must bring one: as a bearer token, as `X-API-Key`, or as the password of basic authentication,
/// which is what a browser asks its user for.
///
/// Only digests are kept and compared, every one of them in constant time, so that the time of an answer tells nothing of a key,
/// not even its length.
final class ApiKeys {

    private static final HttpString X_API_KEY = new HttpString("X-API-Key");

    private final List<byte[]> digests;

    ApiKeys(List<String> keys) {
        digests = keys.stream().map(ApiKeys::digest).toList();
    }

    /// Whether the request may pass.
    boolean admits(HttpServerExchange exchange) {
        if (digests.isEmpty()) {
            return true;
        }
        String given = given(exchange.getRequestHeaders());
        byte[] digest = digest(given == null ? "" : given);
        boolean matches = false;
        for (byte[] known : digests) {
            matches |= MessageDigest.isEqual(known, digest);
        }
        return matches && given != null;
    }

    private static @Nullable String given(HeaderMap headers) {
        String authorization = headers.getFirst(Headers.AUTHORIZATION);
        if (authorization == null) {
            return headers.getFirst(X_API_KEY);
        }
        int space = authorization.indexOf(' ');
        String scheme = authorization.substring(0, Math.max(0, space)).toLowerCase(Locale.ROOT);
        String credentials = authorization.substring(space + 1).strip();
        return switch (scheme) {
            case "bearer" -> credentials;
            case "basic" -> password(credentials);
            default -> null;
        };
    }

    private static @Nullable String password(String credentials) {
        try {
            String pair = new String(Base64.getDecoder().decode(credentials), StandardCharsets.UTF_8);
            int colon = pair.indexOf(':');
            return colon < 0 ? null : pair.substring(colon + 1);
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    private static byte[] digest(String key) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(key.getBytes(StandardCharsets.UTF_8));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
