package dev.fenlei.server.http;

import io.undertow.util.HeaderMap;
import io.undertow.util.Headers;
import io.undertow.util.HttpString;

/// What a browser may do with an answer: show it, and run what the service itself serves.
final class SecurityHeaders {

    private static final HttpString CONTENT_SECURITY_POLICY = new HttpString("Content-Security-Policy");
    private static final HttpString CONTENT_TYPE_OPTIONS = new HttpString("X-Content-Type-Options");
    private static final HttpString REFERRER_POLICY = new HttpString("Referrer-Policy");

    private SecurityHeaders() {}

    static void put(HeaderMap headers) {
        headers.put(
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
                        + "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        headers.put(CONTENT_TYPE_OPTIONS, "nosniff");
        headers.put(REFERRER_POLICY, "no-referrer");
        headers.put(Headers.CACHE_CONTROL, "no-store");
    }

    static void putPolicy(HeaderMap headers, String policy) {
        headers.put(CONTENT_SECURITY_POLICY, policy);
    }
}
