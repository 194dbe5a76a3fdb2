package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import dev.fenlei.server.api.Routes;
import dev.fenlei.server.http.Gate;
import dev.fenlei.server.http.Route;
import dev.fenlei.server.inference.Admission;
import dev.fenlei.server.inference.InferenceLoop;
import dev.fenlei.server.metrics.Metrics;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.slf4j.LoggerFactory;

/// Who may do what.
@Timeout(60)
class SecurityTest {

    private static final String KEY = "s3cret-key";

    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        server = TestServer.start(settings -> settings
                .withApiKey("another")
                .withApiKey(KEY)
                .withCorsOrigin("https://news.example"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    static List<Route> routes() {
        ServerSettings settings = ServerSettings.of(TestServer.TINY);
        Metrics metrics = new Metrics(new Admission(1), 1);
        return Routes.of(settings, new InferenceLoop(settings, metrics), metrics, () -> Gate.State.READY);
    }

    private static HttpResponse<String> ask(Route route, String... headers) throws Exception {
        HttpRequest.Builder request = server.request(route.path())
                .method(route.method(), HttpRequest.BodyPublishers.ofString(route.method().equals("GET") ? "" : "{}"));
        return server.send(headers.length == 0 ? request : request.headers(headers));
    }

    @Test
    void everyRouteButHealthAndReadinessNeedsTheKey() throws Exception {
        String basic = Base64.getEncoder().encodeToString(("user:" + KEY).getBytes(StandardCharsets.UTF_8));
        assertThat(routes()).hasSizeGreaterThan(15);
        for (Route route : routes()) {
            boolean open = List.of("/health", "/ready").contains(route.path());
            assertThat(ask(route).statusCode() == 401).as(route.path() + " without a key").isEqualTo(!open);
            assertThat(ask(route, "Authorization", "Bearer wrong").statusCode() == 401).isEqualTo(!open);
            assertThat(ask(route, "Authorization", "Bearer ").statusCode() == 401).isEqualTo(!open);
            assertThat(ask(route, "Authorization", "Basic !").statusCode() == 401).isEqualTo(!open);
            assertThat(ask(route, "X-API-Key", KEY.substring(1)).statusCode() == 401).isEqualTo(!open);
            assertThat(ask(route, "X-API-Key", "another").statusCode()).as(route.path()).isNotEqualTo(401);
            assertThat(ask(route, "Authorization", "bearer another").statusCode()).isNotEqualTo(401);
            assertThat(ask(route, "Authorization", "Basic " + basic).statusCode()).isNotEqualTo(401);
        }
    }

    @Test
    void withoutTheKeyNobodyLearnsWhichRoutesThereAre() throws Exception {
        HttpResponse<String> unknown = server.send(server.request("/nothing"));
        HttpResponse<String> known = server.send(server.request("/info"));
        assertThat(unknown.statusCode()).isEqualTo(401);
        assertThat(unknown.headers().allValues("WWW-Authenticate"))
                .isEqualTo(known.headers().allValues("WWW-Authenticate"))
                .hasSize(2);
    }

    /// Headers are not text: what a client sends of other characters depends on the client.
    @Test
    void keysAreOfVisibleAscii() {
        ServerSettings settings = ServerSettings.of(TestServer.TINY);
        for (String key : List.of("", " ", "键", "a b", "a\nb")) {
            assertThatThrownBy(() -> settings.withApiKey(key)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(settings.withApiKey(KEY).toString()).doesNotContain(KEY);
    }

    @Test
    void otherMachinesNeedAKeyOrAWordThatTheyDoNot() {
        ServerSettings open = ServerSettings.of(TestServer.TINY).withPort(0).withHost("0.0.0.0");
        assertThatThrownBy(() -> ClassificationServer.start(open))
                .isInstanceOf(ServerException.class)
                .hasMessageContaining("--api-key")
                .hasMessageContaining("--insecure");
    }

    @Test
    void otherMachinesAreServedWhenThatIsSaid() throws Exception {
        try (TestServer insecure = TestServer.startLoading(s -> s.withHost("0.0.0.0").withInsecure(true));
                TestServer keyed = TestServer.startLoading(s -> s.withHost("0.0.0.0").withApiKey("k"))) {
            assertThat(insecure.send(insecure.request("/health")).statusCode()).isEqualTo(200);
            assertThat(keyed.send(keyed.request("/health")).statusCode()).isEqualTo(200);
        }
    }

    @Test
    void aPortInUseIsNamed() {
        assertThatThrownBy(() -> ClassificationServer.start(
                ServerSettings.of(TestServer.TINY).withPort(server.port())))
                .isInstanceOf(ServerException.class)
                .hasMessageContaining("port " + server.port())
                .hasMessageContaining("in use");
    }

    @Test
    void pagesOfOtherOriginsMayNotCallUnlessAllowed() throws Exception {
        HttpResponse<String> allowed = server.send(
                server.request("/info").header("X-API-Key", "another").header("Origin", "https://news.example"));
        assertThat(allowed.statusCode()).isEqualTo(200);
        assertThat(allowed.headers().firstValue("Access-Control-Allow-Origin")).hasValue("https://news.example");
        HttpResponse<String> refused = server.send(
                server.request("/info").header("X-API-Key", "another").header("Origin", "https://evil.example"));
        assertThat(refused.statusCode()).isEqualTo(403);
        assertThat(refused.headers().firstValue("Access-Control-Allow-Origin")).isEmpty();
        HttpResponse<String> own = server.send(server.request("/info")
                .header("X-API-Key", "another")
                .header("Origin", server.server().uri().toString()));
        assertThat(own.statusCode()).isEqualTo(200);
    }

    @Test
    void browsersMayAskFirst() throws Exception {
        HttpRequest.Builder preflight = server.request("/classify")
                .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                .header("Access-Control-Request-Method", "POST");
        assertThat(server.send(preflight.copy().header("Origin", "https://news.example")).statusCode()).isEqualTo(204);
        assertThat(server.send(preflight.copy().header("Origin", "https://evil.example")).statusCode()).isEqualTo(403);
    }

    /// DNS rebinding: a page lets its own name point to this machine.
    @Test
    void aServiceWithoutAKeyAnswersToTheNamesOfThisMachineOnly() throws Exception {
        try (TestServer open = TestServer.startLoading(settings -> settings)) {
            RawClient client = new RawClient(open.port());
            assertThat(client.exchange("GET /health HTTP/1.1\r\nHost: evil.example:80\r\n\r\n"))
                    .startsWith("HTTP/1.1 403");
            assertThat(client.exchange("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")).startsWith("HTTP/1.1 200");
            assertThat(client.exchange("GET /health HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n")).startsWith("HTTP/1.1 200");
        }
    }

    @Test
    void logsHoldNeitherTextsNorKeys() throws Exception {
        Logger logger = (Logger) LoggerFactory.getLogger("dev.fenlei.server");
        ListAppender<ILoggingEvent> appender = new ListAppender<>();
        appender.start();
        Level before = logger.getLevel();
        logger.setLevel(Level.INFO);
        logger.addAppender(appender);
        try {
            server.send(server.post("/classify", "{\"text\":\"机密内容\",\"category\":\"a,b\"}").header("X-API-Key",
                    "another"));
            server.send(server.post("/classify", "{\"text\":\"机密内容").header("X-API-Key", "another"));
            server.send(server.request("/secret-path?q=secret-query").header("X-API-Key", "wrong-key"));
            // A client may read its answer a moment before the request counts as over.
            Thread.sleep(200);
        } finally {
            logger.detachAppender(appender);
            logger.setLevel(before);
        }
        String log = String.join("\n", appender.list.stream().map(ILoggingEvent::getFormattedMessage).toList());
        assertThat(log).contains("POST /classify 200", "GET unknown 401")
                .doesNotContain("机密", "another", "wrong-key", "secret");
    }

    @Test
    void answersToMalformedJsonDoNotRepeatIt() throws Exception {
        HttpResponse<String> answer = server
                .send(server.post("/classify", "{\"text\": geheim}").header("X-API-Key", "another"));
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(answer.body()).contains("line 1, column").doesNotContain("geheim");
    }
}
