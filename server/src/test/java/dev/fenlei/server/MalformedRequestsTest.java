package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/// Bytes that no client should send: the answer is a 4xx or a closed connection, never a 5xx, and nothing hangs.
///
/// `-Dfenlei.server.mutations=10000` sends more of the random ones, `-Dfenlei.server.halfOpenSeconds=60` holds connections
/// longer.
@Timeout(600)
class MalformedRequestsTest {

    private static final String BODY = "{\"text\":\"股市上涨\",\"category\":\"财经,体育\"}";
    private static final int MUTATIONS = Integer.getInteger("fenlei.server.mutations", 1000);
    private static final int HALF_OPEN_SECONDS = Integer.getInteger("fenlei.server.halfOpenSeconds", 3);
    private static final int HALF_OPEN_CONNECTIONS = 1000;

    private static TestServer server;
    private static RawClient client;

    @BeforeAll
    static void start() throws Exception {
        server = TestServer.start(s -> s
                .withLimit(Limit.MAX_NEW_TOKENS, 4)
                .withLimit(Limit.MAX_BODY_BYTES, 50_000));
        client = new RawClient(server.port());
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static String withBody(String headers, String body) {
        return "POST /classify HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n\r\n" + body;
    }

    private static String json(String body) {
        return withBody("Content-Type: application/json\r\nContent-Length: "
                + body.getBytes(StandardCharsets.ISO_8859_1).length, body);
    }

    private static String chunked(String chunks) {
        return withBody("Content-Type: application/json\r\nTransfer-Encoding: chunked", chunks);
    }

    private static List<String> malformed() {
        List<String> all = new ArrayList<>();
        // Request lines.
        for (String line : List.of(
                "", " ", "\0", "GET", "GET ", "GET /", "GET / ", "GET /health", "GET  /health HTTP/1.1",
                "GET /health HTTP/1.1 x",
                "GET /health HTTP/2.0", "GET /health HTTP/0.9",
                "GET /health HTTX/1.1",
                "GET /health http/1.1", "/health GET HTTP/1.1", "G\0T /health HTTP/1.1", "GET /\0 HTTP/1.1",
                "GET /%zz HTTP/1.1", "GET /%00 HTTP/1.1", "GET /% HTTP/1.1", "GET /../../etc/passwd HTTP/1.1",
                "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1", "GET /docs/../classify HTTP/1.1", "GET //health HTTP/1.1",
                "GET /health/ HTTP/1.1", "GET health HTTP/1.1", "GET * HTTP/1.1", "GET http:// HTTP/1.1",
                "CONNECT localhost:1 HTTP/1.1", "TRACE / HTTP/1.1", "PRI * HTTP/2.0", "BREW /classify HTTP/1.1",
                "PUT /classify HTTP/1.1", "DELETE /health HTTP/1.1", "é /health HTTP/1.1", "GET /é HTTP/1.1",
                "A".repeat(300) + " /health HTTP/1.1", "GET /" + "a".repeat(20_000) + " HTTP/1.1",
                "GET /nothing?" + "a=b&".repeat(500) + " HTTP/1.1")) {
            all.add(line + "\r\nHost: localhost\r\n\r\n");
        }
        all.add("\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003");
        all.add("GET /nothing HTTP/1.1\nHost: localhost\n\n");
        // Headers.
        for (String header : List.of(
                "Host", ": x", " Host: x", "Ho st: x", "Host: a\r\nHost: b", "Host:", "Host: localhost\r\n folded",
                "X: \0", "X: " + "a".repeat(20_000), "Host: localhost\r\nOrigin: null", "Host: ev il",
                "Host: evil.example",
                "Host: localhost\r\nOrigin: http://evil.example")) {
            all.add("GET /nothing HTTP/1.1\r\n" + header + "\r\n\r\n");
        }
        all.add("GET /nothing HTTP/1.1\r\n\r\n");
        all.add("GET /nothing HTTP/1.1\r\nHost: localhost\r\n" + "X: y\r\n".repeat(200) + "\r\n");
        // Where the body ends.
        for (String headers : List.of(
                "Content-Length: -1", "Content-Length: x", "Content-Length: 1e3",
                "Content-Length: 99999999999999999999",
                "Content-Length: 10, 10", "Content-Length: 10\r\nContent-Length: 11", "Content-Length: +10",
                "Content-Length: 0x10", "Content-Length: 10\r\nTransfer-Encoding: chunked", "Transfer-Encoding: gzip",
                "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Content-Length: 0",
                "Content-Length: 999999999",
                "Content-Length: 10", "Expect: 200-ok\r\nContent-Length: 0")) {
            all.add(withBody(headers, ""));
        }
        // Chunks.
        for (String chunks : List.of(
                "x\r\n", "-1\r\n", "5\r\nab", "2\r\nabc\r\n0\r\n\r\n", "ffffffffffffffff\r\n", "0\r\n\r\n",
                "2;" + "x".repeat(20_000) + "\r\n{}\r\n0\r\n\r\n", "2\r\n{}\r\n", "c350f\r\n" + "a".repeat(60_000))) {
            all.add(chunked(chunks));
        }
        // Bodies.
        for (String body : List.of(
                "{", "}", "[]", "1", "\"a\"", "null", "{}{}", "{\"a\":}", "{'text':'a'}", "{\"text\":\"\\x\"}", "\0",
                "\u00ff\u00fe{\0}\0", "{\"text\":\"\u00c3(\",\"category\":\"a,b\"}", "{\"text\":1e999999}",
                "{\"text\":" + "9".repeat(1000) + "}", "[".repeat(10_000), "{\"a\":".repeat(5000),
                "{\"text\":\"" + "a".repeat(49_000), "{\"text\":[[\"a\"]],\"category\":\"a\"}", "<xml/>",
                "text=a&category=b")) {
            all.add(json(body));
        }
        return all;
    }

    @Test
    void malformedRequestsAreRefused() throws Exception {
        List<String> all = malformed();
        assertThat(all).hasSizeGreaterThan(80);
        SoftAssertions softly = new SoftAssertions();
        for (String request : all) {
            softly.assertThat(client.exchange(request.getBytes(StandardCharsets.ISO_8859_1)))
                    .as("the answer to %s", request.substring(0, Math.min(200, request.length())))
                    .matches("(?s)closed|HTTP/1\\.[01] 4\\d\\d .*");
        }
        softly.assertAll();
        assertServes();
    }

    /// Each is a good request of which some bytes were changed, taken out, doubled or swapped; most are bad then.
    @Test
    void mutatedRequestsDoNoHarm() throws Exception {
        long seed = Long.getLong("fenlei.server.seed", System.nanoTime());
        List<byte[]> good = List.of(
                json("{\"text\":\"abc\",\"category\":\"a,b\"}"),
                json("{\"model\":\"tiny\",\"input\":[\"a\",\"b\"],\"candidates\":[\"x\",{\"label\":\"y\"}],\"top_k\":1}")
                        .replace("/classify", "/v1/classify"),
                json("{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":2,\"stream\":true}")
                        .replace("/classify", "/v1/chat/completions"),
                chunked("1f\r\n{\"text\":\"a\",\"category\":\"a,b\"}  \r\n0\r\n\r\n"),
                "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: 1\r\n\r\n")
                .stream()
                .map(request -> request.getBytes(StandardCharsets.ISO_8859_1))
                .toList();
        try (ExecutorService senders = Executors.newFixedThreadPool(8)) {
            List<Future<?>> sent = new ArrayList<>();
            for (int i = 0; i < MUTATIONS; i++) {
                Random random = new Random(seed + i);
                byte[] request = mutate(good.get(random.nextInt(good.size())), random);
                long number = seed + i;
                sent.add(senders.submit(() -> {
                    String answer = client.exchange(request);
                    assertThat(answer)
                            .as("seed %d: %s", number, new String(request, StandardCharsets.ISO_8859_1))
                            .matches("(?s)closed|HTTP/1\\.[01] [24]\\d\\d .*");
                    return null;
                }));
            }
            for (Future<?> each : sent) {
                each.get();
            }
        }
        assertServes();
    }

    private static byte[] mutate(byte[] request, Random random) {
        byte[] bytes = request.clone();
        for (int changes = 1 + random.nextInt(4); changes > 0 && bytes.length > 1; changes--) {
            int at = random.nextInt(bytes.length);
            int length = Math.min(bytes.length - at, 1 + random.nextInt(6));
            switch (random.nextInt(4)) {
                case 0 -> bytes[at] = (byte) random.nextInt(256);
                case 1 -> bytes = joined(bytes, 0, at, at + length, bytes.length);
                case 2 -> bytes = joined(bytes, 0, at + length, at, bytes.length);
                default -> bytes[at] = bytes[random.nextInt(bytes.length)];
            }
        }
        return bytes;
    }

    private static byte[] joined(byte[] bytes, int from, int to, int from2, int to2) {
        byte[] result = new byte[to - from + to2 - from2];
        System.arraycopy(bytes, from, result, 0, to - from);
        System.arraycopy(bytes, from2, result, to - from, to2 - from2);
        return result;
    }

    @Test
    void halfOpenConnectionsLeaveOthersUntouched() throws Exception {
        List<Socket> sockets = new ArrayList<>();
        List<String> beginnings = List.of(
                "", "POST /classify HT", "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Le",
                "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n",
                "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000\r\n\r\n{\"text\":",
                "POST /classify HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"te");
        try {
            for (int i = 0; i < HALF_OPEN_CONNECTIONS; i++) {
                Socket socket = client.connect();
                sockets.add(socket);
                socket.getOutputStream().write(
                        beginnings.get(i % beginnings.size()).getBytes(StandardCharsets.ISO_8859_1));
            }
            long until = System.nanoTime() + HALF_OPEN_SECONDS * 1_000_000_000L;
            int served = 0;
            while (System.nanoTime() < until) {
                assertServes();
                served++;
            }
            assertThat(served).isGreaterThan(HALF_OPEN_SECONDS * 5);
        } finally {
            for (Socket socket : sockets) {
                socket.close();
            }
        }
    }

    private static void assertServes() throws IOException, InterruptedException {
        assertThat(server.posted("/classify", BODY).path("status").asString()).isEqualTo("success");
    }
}
