package dev.fenlei.server.http;

import io.undertow.server.HttpServerExchange;
import io.undertow.util.AttachmentKey;
import io.undertow.util.HttpString;
import java.util.UUID;
import java.util.regex.Pattern;

/// The name of a request in the answer and in the log: the one that it brought, if that can do no harm there, or a new one.
final class RequestIds {

    private static final HttpString HEADER = new HttpString("X-Request-Id");
    private static final Pattern HARMLESS = Pattern.compile("[A-Za-z0-9._:-]{1,128}");
    private static final AttachmentKey<String> KEY = AttachmentKey.create(String.class);

    private RequestIds() {}

    static void assign(HttpServerExchange exchange) {
        String given = exchange.getRequestHeaders().getFirst(HEADER);
        String id = given != null && HARMLESS.matcher(given).matches() ? given : UUID.randomUUID().toString();
        exchange.putAttachment(KEY, id);
        exchange.getResponseHeaders().put(HEADER, id);
    }

    static String of(HttpServerExchange exchange) {
        return exchange.getAttachment(KEY);
    }
}
