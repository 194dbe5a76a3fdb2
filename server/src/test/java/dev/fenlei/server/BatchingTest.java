package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.cpu.CpuBackend;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// The queue, the passes, and what happens when there is more than fits.
@Timeout(60)
class BatchingTest {

    private static final String BODY = "{\"text\":\"股市今天上涨\",\"category\":\"财经,体育\"}";

    @TempDir
    Path folder;

    /// Keeps the one thread that computes busy for long, with an answer that only a client that goes away ends.
    static Socket busy(TestServer server) throws IOException, InterruptedException {
        String body = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":400,\"temperature\":1,"
                + "\"stream\":true,\"seed\":1}";
        Socket socket = new RawClient(server.port()).connect();
        socket.getOutputStream().write(("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                + "application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body)
                .getBytes(StandardCharsets.UTF_8));
        assertThat(socket.getInputStream().read()).isPositive();
        return socket;
    }

    private static double metric(TestServer server, String line) throws Exception {
        return server.send(server.request("/metrics")).body().lines()
                .filter(l -> l.startsWith(line))
                .mapToDouble(l -> Double.parseDouble(l.substring(l.lastIndexOf(' ') + 1)))
                .sum();
    }

    private static void await(ThrowingCondition condition) throws Exception {
        long until = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        while (!condition.holds()) {
            assertThat(System.nanoTime()).as("time is up").isLessThan(until);
            Thread.sleep(10);
        }
    }

    private interface ThrowingCondition {
        boolean holds() throws Exception;
    }

    private static List<CompletableFuture<HttpResponse<String>>> sendMany(TestServer server, int count, String body) {
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            answers.add(server.client().sendAsync(
                    server.post("/classify", body).build(), HttpResponse.BodyHandlers.ofString()));
        }
        return answers;
    }

    @Test
    void waitingTextsShareAPassAndAdaptersToo() throws Exception {
        Path one = TestServer.adapter(folder, "one", "a", "b");
        Path two = TestServer.adapter(folder, "two", "c", "d");
        try (TestServer server = TestServer.start(s -> s.withAdapter("one", one)
                .withAdapter("two", two)
                .withLimit(Limit.MAX_BATCH_WAIT_MS, 300))) {
            List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>(
                    sendMany(server, 8, "{\"text\":\"x\",\"model\":\"one\"}"));
            answers.addAll(sendMany(server, 8, "{\"text\":\"x\",\"model\":\"two\"}"));
            for (int i = 0; i < 16; i++) {
                JsonNode answer = TestServer.json(answers.get(i).join());
                assertThat(answer.path("model").asString()).isEqualTo(i < 8 ? "one" : "two");
            }
            assertThat(metric(server, "fenlei_pass_texts_sum")).isEqualTo(16);
            assertThat(metric(server, "fenlei_pass_texts_count")).isBetween(2.0, 4.0);
        }
    }

    @Test
    void withBatchingOffEveryTextIsAPass() throws Exception {
        try (TestServer server = TestServer.start(s -> s.withLimit(Limit.MAX_BATCH_TOKENS, 1))) {
            sendMany(server, 8, BODY).forEach(CompletableFuture::join);
            assertThat(metric(server, "fenlei_pass_texts_count")).isEqualTo(8);
        }
    }

    @Test
    void aLongAnswerKeepsNoTextWaiting() throws Exception {
        try (TestServer server = TestServer.start(settings -> settings);
                Socket _ = busy(server)) {
            long start = System.nanoTime();
            assertThat(server.send(server.post("/classify", BODY)).statusCode()).isEqualTo(200);
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(2));
            assertThat(metric(server, "fenlei_requests_in_flight ")).as("the answer goes on").isEqualTo(1);
        }
    }

    @Test
    void aFullQueueIsRefusedAtOnceAndAClientThatGoesAwayFreesItsPlace() throws Exception {
        try (TestServer server = TestServer.start(s -> s.withLimit(Limit.MAX_QUEUE, 1))) {
            try (Socket _ = busy(server)) {
                HttpResponse<String> refused = server.send(server.post("/classify", BODY));
                assertThat(refused.statusCode()).isEqualTo(429);
                assertThat(refused.headers().firstValue("Retry-After")).hasValue("1");
                assertThat(refused.body()).contains("queue_full");
            }
            await(() -> server.send(server.post("/classify", BODY)).statusCode() == 200);
        }
    }

    /// A client that waits for the whole answer sends nothing and is sent nothing, so that only looking shows that it left.
    @Test
    void aClientThatLeavesWhileItWaitsFreesItsPlace() throws Exception {
        try (TestServer server = TestServer.start(s -> s.withLimit(Limit.MAX_QUEUE, 2));
                Socket _ = busy(server)) {
            try (Socket waiting = new RawClient(server.port()).connect()) {
                String body = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}";
                waiting.getOutputStream()
                        .write(("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
                                + body.length() + "\r\n\r\n" + body).getBytes(StandardCharsets.UTF_8));
                await(() -> metric(server, "fenlei_requests_in_flight ") == 2);
            }
            await(() -> metric(server, "fenlei_requests_in_flight ") == 1);
        }
    }

    @Test
    void aRequestSentTogetherWithAnotherIsNotLost() throws Exception {
        try (TestServer server = TestServer.start(settings -> settings)) {
            String body = "{\"text\":\"a\",\"category\":\"x,y\"}";
            String request = "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + body.length()
                    + "\r\n\r\n" + body;
            try (Socket socket = new RawClient(server.port()).connect()) {
                socket.getOutputStream().write(request.repeat(3).getBytes(StandardCharsets.UTF_8));
                StringBuilder answers = new StringBuilder();
                byte[] buffer = new byte[4096];
                while (answers.toString().split("predicted_category", -1).length < 4) {
                    answers.append(new String(
                            buffer, 0, socket.getInputStream().read(buffer), StandardCharsets.UTF_8));
                }
            }
        }
    }

    @Test
    void healthAnswersWithinFiftyMillisecondsWhileSaturated() throws Exception {
        try (TestServer server = TestServer.start(s -> s.withBackend(_ -> new CpuBackend(1)))) {
            for (int i = 0; i < 20; i++) {
                server.send(server.request("/health"));
            }
            String body = "{\"text\":\"" + "股市今天上涨".repeat(60) + "\",\"category\":\"财经,体育\"}";
            List<CompletableFuture<HttpResponse<String>>> answers = sendMany(server, 100, body);
            List<Duration> times = new ArrayList<>();
            while (!answers.getLast().isDone() && times.size() < 100) {
                long start = System.nanoTime();
                assertThat(server.send(server.request("/health")).statusCode()).isEqualTo(200);
                times.add(Duration.ofNanos(System.nanoTime() - start));
            }
            times.sort(null);
            // The slowest may have met a pause of this test's own process, which is also the clients'.
            assertThat(times.get(times.size() * 95 / 100)).isLessThan(Duration.ofMillis(50));
            answers.forEach(CompletableFuture::join);
        }
    }
}
