package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.server.http.Route;
import io.swagger.v3.parser.OpenAPIV3Parser;
import io.swagger.v3.parser.core.models.SwaggerParseResult;
import java.io.InterruptedIOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The document of the API against the API.
@Timeout(60)
class OpenApiTest {

    private static final String BODY = "{\"text\":\"a\",\"category\":\"x,y\"}";

    private static TestServer server;
    private static JsonNode document;

    @BeforeAll
    static void start() throws Exception {
        server = TestServer.start(settings -> settings);
        document = server.got("/openapi.json");
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private record Operation(String path, String method, JsonNode node) {}

    private static List<Operation> operations() {
        List<Operation> operations = new ArrayList<>();
        document.path("paths").forEachEntry((path, methods) -> methods.forEachEntry(
                (method, node) -> operations.add(new Operation(path, method.toUpperCase(Locale.ROOT), node))));
        return operations;
    }

    private static JsonNode resolved(JsonNode node) {
        return node.has("$ref") ? document.at(node.path("$ref").asString().substring(1)) : node;
    }

    private static void assertValid(JsonNode schema, JsonNode value, String what) {
        // References of the schema point into the whole document.
        ObjectNode whole = schema.deepCopy().asObject();
        whole.set("components", document.path("components"));
        Schema compiled = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12).getSchema(whole);
        assertThat(compiled.validate(value)).as(what + ": " + value).isEmpty();
    }

    private static JsonNode content(JsonNode response) {
        return resolved(response).path("content").path("application/json");
    }

    @Test
    void theDocumentIsValid() {
        SwaggerParseResult result = new OpenAPIV3Parser().readContents(document.toString());
        assertThat(result.getMessages()).isEmpty();
        assertThat(result.getOpenAPI().getOpenapi()).isEqualTo("3.1.0");
    }

    @Test
    void itHasEveryRouteAndNoOther() {
        List<String> documented = operations().stream().map(o -> o.method() + " " + o.path()).sorted().toList();
        List<String> served = SecurityTest.routes().stream()
                // Parts of pages.
                .filter(route -> !route.path().matches("/(docs/.*|page\\..*)"))
                .map(route -> route.method() + " " + route.path())
                .sorted()
                .toList();
        assertThat(documented).isEqualTo(served);
    }

    @Test
    void whatNeedsAKeySaysSo() {
        for (Route route : SecurityTest.routes()) {
            JsonNode operation = document.path("paths").path(route.path())
                    .path(route.method().toLowerCase(Locale.ROOT));
            if (!operation.isMissingNode()) {
                assertThat(operation.path("responses").has("401"))
                        .as(route.path())
                        .isEqualTo(route.access() == Route.Access.KEY);
            }
        }
    }

    @Test
    void everyExampleOfARequestIsAnsweredAsItsExampleSays() throws Exception {
        int executed = 0;
        for (Operation operation : operations()) {
            JsonNode examples = operation.method().equals("POST")
                    ? content(operation.node().path("requestBody")).path("examples")
                    : JsonMapper.shared().readTree("{\"default\": {}}");
            assertThat(examples).as(operation.path()).isNotEmpty();
            for (String name : examples.propertyNames()) {
                String what = operation.path() + " " + name;
                JsonNode request = examples.path(name).path("value");
                HttpResponse<String> answer = server.send(operation.method().equals("POST")
                        ? server.post(operation.path(), request.toString())
                        : server.request(operation.path()));
                assertThat(answer.statusCode()).as(what + ": " + answer.body()).isEqualTo(200);
                String type = answer.headers().firstValue("Content-Type").orElseThrow().split(";", 2)[0];
                assertThat(operation.node().at("/responses/200/content").has(type)).as(what + " " + type).isTrue();
                JsonNode content = content(operation.node().path("responses").path("200"));
                if (type.equals("application/json")) {
                    JsonNode body = TestServer.json(answer);
                    assertValid(content.path("schema"), body, what);
                    JsonNode example = content.path("examples").path(name).path("value");
                    if (!example.isMissingNode()) {
                        assertValid(content.path("schema"), example, what + " as documented");
                        assertThat(shape(body)).as(what).isEqualTo(shape(example));
                    }
                } else if (type.equals("text/event-stream")) {
                    assertStream(answer.body());
                }
                executed++;
            }
        }
        assertThat(executed).isGreaterThanOrEqualTo(19);
    }

    private static void assertStream(String body) {
        List<String> events = body.lines().filter(line -> !line.isEmpty()).map(line -> line.substring(6)).toList();
        assertThat(events.getLast()).isEqualTo("[DONE]");
        ObjectNode schema = JsonMapper.shared().createObjectNode().put("$ref", "#/components/schemas/ChatChunk");
        for (String event : events.subList(0, events.size() - 1)) {
            assertValid(schema, JsonMapper.shared().readTree(event), "chunk");
        }
    }

    /// The names in a value, at any depth; not those of maps from labels or limits, which depend on the request or the version.
    private static Set<String> shape(JsonNode value) {
        Set<String> names = new TreeSet<>();
        value.forEachEntry((name, child) -> {
            names.add(name);
            if (!name.equals("limits")) {
                shape(child).forEach(below -> names.add(name + "." + below));
            }
        });
        if (value.isArray() && !value.isEmpty()) {
            names.addAll(shape(value.get(0)));
        }
        return names;
    }

    @Test
    void everyErrorThatIsDocumentedHappens() throws Exception {
        Map<String, HttpResponse<String>> errors = new TreeMap<>();
        errors.put("malformed", server.send(server.post("/classify", "{x")));
        errors.put("unknown_model", server.send(server.post("/classify", "{\"text\":\"a\",\"model\":\"gpt\"}")));
        errors.put("invalid", server.send(server.post("/classify", "{}")));
        // Asks before it sends: a client that is still sending may find the connection closed before it reads the answer.
        errors.put("too_large", server.send(
                server.post("/classify", "x".repeat((2 << 20) + 1)).expectContinue(true)));
        errors.put("unsupported_media_type",
                server.send(server.post("/classify", "{}").setHeader("Content-Type", "text/plain")));
        errors.put("forbidden", server.send(server.request("/info").header("Origin", "https://evil.example")));
        try (TestServer keyed = TestServer.startLoading(s -> s.withApiKey("k"))) {
            errors.put("unauthorized", keyed.send(keyed.request("/info")));
        }
        try (TestServer hasty = TestServer.start(s -> s.withLimit(Limit.DEADLINE_MS, 1))) {
            errors.put("deadline", hasty.send(hasty.post(
                    "/classify", "{\"text\":\"" + "新闻".repeat(3000) + "\",\"category\":\"x,y\"}")));
        }
        CountDownLatch mayOpen = new CountDownLatch(1);
        try (TestServer loading = TestServer.startLoading(s -> s.withBackend(_ -> {
            try {
                mayOpen.await();
            } catch (InterruptedException e) {
                throw new InterruptedIOException();
            }
            return new CpuBackend();
        }))) {
            errors.put("loading", loading.send(loading.post("/classify", BODY)));
            assertThat(loading.send(loading.request("/ready")).body()).isEqualTo("{\"status\":\"loading\"}");
            mayOpen.countDown();
        }
        try (TestServer small = TestServer.start(s -> s.withLimit(Limit.MAX_QUEUE, 1));
                Socket _ = BatchingTest.busy(small)) {
            errors.put("full", small.send(small.post("/classify", BODY)));
        }
        for (JsonNode response : document.at("/components/responses")) {
            JsonNode content = content(response);
            for (String name : content.path("examples").propertyNames()) {
                JsonNode example = content.path("examples").path(name).path("value");
                assertValid(content.path("schema"), example, name);
                if (name.equals("body_timeout")) {
                    continue; // below, as no HTTP client stops in the middle of a body
                }
                HttpResponse<String> answer = errors.get(name);
                assertThat(answer).as("no answer for the documented error " + name).isNotNull();
                JsonNode body = TestServer.json(answer);
                assertValid(content.path("schema"), body, name);
                for (String field : List.of("type", "code", "param")) {
                    assertThat(body.path("error").path(field)).as(name).isEqualTo(example.path("error").path(field));
                }
                if (!name.equals("deadline")) {
                    assertThat(body.path("error").path("message").asString())
                            .isEqualTo(example.path("error").path("message").asString());
                }
            }
        }
    }

    @Test
    void aBodyThatStopsIsNotWaitedForForEver() throws Exception {
        try (TestServer impatient = TestServer.start(s -> s.withLimit(Limit.BODY_TIMEOUT_MS, 200))) {
            String answer = new RawClient(impatient.port()).exchange(
                    "POST /classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{");
            assertThat(answer).startsWith("HTTP/1.1 408").contains("body_timeout");
        }
    }

    @Test
    void thePagesNeedNothingFromOutside() throws Exception {
        for (String path : List.of("/", "/page.js", "/page.css", "/docs", "/docs/start.js")) {
            HttpResponse<String> page = server.send(server.request(path));
            assertThat(page.statusCode()).isEqualTo(200);
            assertThat(page.body()).isNotBlank().doesNotContain("https://", "http://");
        }
        assertThat(Stream.of("/docs/swagger-ui.js", "/docs/swagger-ui.css")).allSatisfy(path -> {
            HttpResponse<byte[]> file = server.client().send(
                    server.request(path).build(), HttpResponse.BodyHandlers.ofByteArray());
            assertThat(file.body().length).isGreaterThan(100_000);
        });
    }
}
