package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// What is too much, too long or not as it must be, and how the answer names it.
@Timeout(60)
class LimitsTest {

    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        server = TestServer.start(settings -> settings
                .withLimit(Limit.MAX_BODY_BYTES, 20_000)
                .withLimit(Limit.MAX_INPUTS, 3)
                .withLimit(Limit.MAX_TEXT_CHARACTERS, 1000)
                .withLimit(Limit.MAX_TEXT_TOKENS, 200)
                .withLimit(Limit.MAX_CANDIDATES, 4)
                .withLimit(Limit.MAX_LABEL_CHARACTERS, 10)
                .withLimit(Limit.MAX_JSON_DEPTH, 6));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void assertError(HttpResponse<String> answer, int status, String code) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
        JsonNode error = TestServer.json(answer).path("error");
        assertThat(error.path("code").asString()).isEqualTo(code);
        assertThat(error.path("message").asString()).isNotBlank().doesNotContain("dev.fenlei", "Exception", "\tat ");
        assertThat(error.path("request_id").asString())
                .isEqualTo(answer.headers().firstValue("X-Request-Id").orElseThrow());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "{\"category\":\"a,b\"};text",
        "{\"text\":1,\"category\":\"a,b\"};text",
        "{\"text\":\"  \",\"category\":\"a,b\"};text",
        "{\"text\":\"a\"};candidates",
        "{\"text\":\"a\",\"category\":\" , \"};category",
        "{\"text\":\"a\",\"category\":{}};category",
        "{\"text\":\"a\",\"category\":[]};category",
        "{\"text\":\"a\",\"category\":[\"a\",2]};category[1]",
        "{\"text\":\"a\",\"category\":[\"a\",\" \"]};category[1]",
        "{\"text\":\"a\",\"category\":[\"a\",\"a\"]};category[1]",
        "{\"text\":\"a\",\"category\":[\"a\",\"b\",\"c\",\"d\",\"e\"]};category",
        "{\"text\":\"a\",\"category\":\"a,b,c,d,e\"};category",
        "{\"text\":\"a\",\"category\":[\"a\",\"12345678901\"]};category[1]",
        "{\"text\":\"a\",\"category\":\"a,b\",\"model\":7};model",
    })
    void theOriginalRouteNamesTheField(String body, String param) throws Exception {
        HttpResponse<String> answer = server.send(server.post("/classify", body));
        assertError(answer, 422, "invalid_value");
        JsonNode json = TestServer.json(answer);
        assertThat(json.path("error").path("param").asString()).isEqualTo(param);
        assertThat(json.path("status").asString()).isEqualTo("error");
        assertThat(json.path("detail").asString()).startsWith(param + ": ");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "/v1/classify;{\"input\":[],\"candidates\":\"a,b\"};input",
        "/v1/classify;{\"input\":[\"a\",\"b\",\"c\",\"d\"],\"candidates\":\"a,b\"};input",
        "/v1/classify;{\"input\":[\"a\",null],\"candidates\":\"a,b\"};input[1]",
        "/v1/classify;{\"input\":\"a\",\"candidates\":[{\"label\":\"a\"},{\"name\":\"b\"}]};candidates[1].label",
        "/v1/classify;{\"input\":\"a\",\"candidates\":[{\"label\":\"a\",\"description\":3}]};candidates[0].description",
        "/v1/classify;{\"input\":\"a\",\"candidates\":\"a,b\",\"top_k\":0};top_k",
        "/v1/classify;{\"input\":\"a\",\"candidates\":\"a,b\",\"top_k\":1.5};top_k",
        "/v1/classify;{\"input\":\"a\",\"candidates\":\"a,b\",\"temperature\":0};temperature",
        "/v1/classify;{\"input\":\"a\",\"candidates\":\"a,b\",\"temperature\":\"1\"};temperature",
        "/predict;{\"inputs\":[[\"a\",\"b\"]],\"candidate_labels\":\"a,b\"};inputs[0]",
        "/predict;{\"inputs\":\"a\",\"parameters\":[]};parameters",
        "/predict;{\"inputs\":\"a\",\"parameters\":{\"candidate_labels\":[3]}};parameters.candidate_labels[0]",
        "/tokenize;{};text",
        "/v1/chat/completions;{\"messages\":[]};messages",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\"}]};messages[0].content",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"god\",\"content\":\"a\"}]};messages",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]};messages[0].content[0].type",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"n\":2};n",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":1000000};max_tokens",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"tools\":[{}]};tools",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"seed\":1.5};seed",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"stop\":\"\"};stop",
        "/v1/chat/completions;{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"stream\":1};stream",
    })
    void everyRouteNamesTheField(String path, String body, String param) throws Exception {
        HttpResponse<String> answer = server.send(server.post(path, body));
        assertError(answer, 422, "invalid_value");
        assertThat(TestServer.json(answer).path("error").path("param").asString()).isEqualTo(param);
    }

    @Test
    void textsAreBoundedInCharactersAndTokens() throws Exception {
        String characters = "a".repeat(1001);
        assertThat(
                server.send(server.post("/classify", "{\"text\":\"" + characters + "\",\"category\":\"a,b\"}")).body())
                .contains("text: has 1001 characters, more than 1000");
        String tokens = IntStream.range(0, 250).mapToObj(i -> "x" + i).collect(Collectors.joining(" ")).substring(0,
                999);
        assertThat(server.send(server.post("/classify", "{\"text\":\"" + tokens + "\",\"category\":\"a,b\"}")).body())
                .containsPattern("text: has \\d+ tokens, more than 200");
    }

    @Test
    void bodiesAreBounded() throws Exception {
        String body = "{\"text\":\"" + "a".repeat(20_000) + "\"}";
        assertError(server.send(server.post("/classify", body)), 413, "body_too_large");
        HttpRequest.Builder chunked = server.request("/classify")
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.fromPublisher(HttpRequest.BodyPublishers.ofString(body)));
        assertError(server.send(chunked), 413, "body_too_large");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "{;malformed_json",
        "[];malformed_json",
        "null;malformed_json",
        "{\"text\":\"a\"} {};malformed_json",
        "{\"text\":\"a\",\"text\":\"b\"};malformed_json",
        "{\"text\":NaN};malformed_json",
        "{\"a\":[[[[[[[[[]]]]]]]]]};json_too_large",
        "'';malformed_json",
    })
    void whatIsNotJsonIsRefused(String body, String code) throws Exception {
        assertError(server.send(server.post("/classify", body)), 400, code);
    }

    @Test
    void halvesOfSurrogatePairsDoNoHarm() throws Exception {
        JsonNode answer = server.posted(
                "/classify", "{\"text\":\"a\\ud83d\",\"category\":[\"x\\udc00\",\"y\"]}");
        assertThat(answer.path("probabilities").propertyNames()).containsExactly("x\uFFFD", "y");
    }

    @Test
    void otherMediaTypesAreRefused() throws Exception {
        assertError(server.send(server.request("/classify").header("Content-Type", "text/plain")
                .POST(HttpRequest.BodyPublishers.ofString("{}"))), 415, "unsupported_media_type");
    }

    @Test
    void unknownRoutesMethodsAndModelsAreNamed() throws Exception {
        assertError(server.send(server.request("/nothing")), 404, "unknown_route");
        HttpResponse<String> get = server.send(server.request("/classify"));
        assertError(get, 405, "method_not_allowed");
        assertThat(get.headers().firstValue("Allow")).hasValue("POST");
        HttpResponse<String> model = server
                .send(server.post("/v1/classify", "{\"input\":\"a\",\"model\":\"gpt\",\"candidates\":\"a,b\"}"));
        assertError(model, 404, "model_not_found");
        assertThat(model.body()).contains("there are: tiny");
    }

    @Test
    void theDeadlineHolds() throws Exception {
        try (TestServer hasty = TestServer.start(settings -> settings.withLimit(Limit.DEADLINE_MS, 1))) {
            HttpResponse<String> answer = hasty.send(hasty.post(
                    "/v1/classify", "{\"input\":[\"" + "新闻".repeat(300) + "\",\"a\"],\"candidates\":\"a,b\"}"));
            assertError(answer, 504, "deadline_exceeded");
        }
    }
}
