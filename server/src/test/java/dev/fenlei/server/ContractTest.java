package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What clients may rely on.
@Timeout(60)
class ContractTest {

    @TempDir
    static Path folder;

    private static TestServer server;

    @BeforeAll
    static void start() throws Exception {
        Path news = TestServer.adapter(folder, "news", "财经", "科技", "体育");
        Path mail = TestServer.adapter(folder, "mail", "spam", "ham");
        // In f32: products in bfloat16 differ a little with the number of their rows.
        server = TestServer.start(settings -> settings.withAdapter("news", news)
                .withAdapter("mail", mail)
                .withBackend(_ -> new CpuBackend(2, Precision.F32)));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    /// Two requests as a program sends them that was written for the original service.
    @Test
    void aClientOfTheOriginalWorksUnchanged() throws Exception {
        JsonNode answer = server.posted("/classify", """
                {"text": "中国队在世界杯预选赛中获胜", "category": "财经,科技,体育"}""");
        assertThat(answer.path("status").asString()).isEqualTo("success");
        assertThat(answer.path("predicted_category").asString()).isIn("财经", "科技", "体育");
        JsonNode health = server.got("/health");
        assertThat(health.path("status").asString()).isEqualTo("healthy");
        assertThat(health.path("model").asString()).isEqualTo("news");
    }

    @Test
    void theOriginalRouteSaysHowSureItIs() throws Exception {
        JsonNode answer = server.posted("/classify", """
                {"text": "股市上涨", "category": ["财经", "体育"]}""");
        String label = answer.path("predicted_category").asString();
        JsonNode probabilities = answer.path("probabilities");
        assertThat(probabilities.propertyNames()).containsExactly("财经", "体育");
        assertThat(probabilities.path("财经").asDouble() + probabilities.path("体育").asDouble())
                .isCloseTo(1, within(1e-9));
        assertThat(answer.path("confidence").asDouble()).isEqualTo(probabilities.path(label).asDouble());
        assertThat(answer.path("candidate_mass").asDouble()).isBetween(0.0, 1.0);
        assertThat(answer.path("timings").propertyNames()).containsExactly("queue_ms", "compute_ms", "total_ms");
    }

    @Test
    void anAdapterKnowsItsOwnCandidates() throws Exception {
        assertThat(server.posted("/classify", "{\"text\": \"股市上涨\"}").path("probabilities").propertyNames())
                .containsExactly("财经", "科技", "体育");
        assertThat(server.posted("/classify", "{\"text\": \"股市上涨\", \"model\": \"mail\"}")
                .path("probabilities").propertyNames()).containsExactly("spam", "ham");
        HttpResponse<String> bare = server.send(server.post("/classify", "{\"text\": \"a\", \"model\": \"tiny\"}"));
        assertThat(bare.statusCode()).isEqualTo(422);
        assertThat(bare.body()).contains("\"candidates\"");
    }

    @Test
    void severalTextsAreAnsweredInTheirOrder() throws Exception {
        JsonNode answer = server.posted("/v1/classify", """
                {"model": "tiny", "input": ["股市上涨", "球队赢了比赛"], "top_k": 2, "temperature": 2.5,
                 "candidates": ["体育", {"label": "财经", "description": "货币与市场"}, "科技"]}""");
        assertThat(answer.path("object").asString()).isEqualTo("list");
        assertThat(answer.path("model").asString()).isEqualTo("tiny");
        assertThat(answer.path("data")).hasSize(2);
        for (int i = 0; i < 2; i++) {
            JsonNode item = answer.path("data").get(i);
            assertThat(item.path("index").asInt()).isEqualTo(i);
            assertThat(item.path("scores")).hasSize(2);
            assertThat(item.path("scores").get(0).path("label")).isEqualTo(item.path("label"));
            assertThat(item.path("scores").get(0).path("score").asDouble())
                    .isEqualTo(item.path("confidence").asDouble())
                    .isGreaterThanOrEqualTo(item.path("scores").get(1).path("score").asDouble());
        }
        assertThat(answer.path("usage").path("prompt_tokens").asInt()).isPositive();
        JsonNode alone = server.posted("/v1/classify", """
                {"model": "tiny", "input": "球队赢了比赛", "temperature": 2.5,
                 "candidates": ["体育", {"label": "财经", "description": "货币与市场"}, "科技"]}""");
        assertThat(alone.path("data").get(0).path("confidence").asDouble())
                .as("the same alone and in company")
                .isCloseTo(answer.path("data").get(1).path("confidence").asDouble(), within(1e-4));
    }

    @Test
    void descriptionsReachTheModel() throws Exception {
        String request = "{\"model\": \"tiny\", \"input\": \"股市上涨\", \"candidates\": [{\"label\": \"财经\"%s}, \"体育\"]}";
        JsonNode plain = server.posted("/v1/classify", request.formatted(""));
        JsonNode described = server.posted("/v1/classify", request.formatted(", \"description\": \"球赛、运动员和奖牌\""));
        assertThat(described.path("usage").path("prompt_tokens").asInt())
                .isGreaterThan(plain.path("usage").path("prompt_tokens").asInt());
    }

    @Test
    void predictAnswersInTheShapeOfHuggingFace() throws Exception {
        JsonNode one = server.posted("/predict", "{\"inputs\": \"股市上涨\"}");
        assertThat(one).hasSize(3);
        assertThat(one.get(0).propertyNames()).containsExactly("label", "score");
        assertThat(one.get(0).path("score").asDouble()).isGreaterThanOrEqualTo(one.get(1).path("score").asDouble());
        JsonNode several = server.posted("/predict", """
                {"inputs": ["a", "b"], "parameters": {"candidate_labels": "x,y", "top_k": 1}}""");
        assertThat(several).hasSize(2);
        assertThat(several.get(1)).hasSize(1);
        assertThat(server.posted("/predict", "{\"inputs\": [[\"a\"], [\"b\"]]}")).hasSize(2);
    }

    @Test
    void aConversationIsContinued() throws Exception {
        JsonNode answer = server.posted("/v1/chat/completions",
                """
                        {"model": "tiny", "messages": [{"role": "user", "content": "你好"}], "max_tokens": 8, "temperature": 0}""");
        assertThat(answer.path("object").asString()).isEqualTo("chat.completion");
        JsonNode choice = answer.path("choices").get(0);
        assertThat(choice.path("message").path("role").asString()).isEqualTo("assistant");
        assertThat(choice.path("finish_reason").asString()).isIn("stop", "length");
        assertThat(answer.path("usage").path("completion_tokens").asInt()).isBetween(1, 8);
    }

    @Test
    void aStreamedAnswerIsTheSameAnswer() throws Exception {
        String request = """
                {"model": "tiny", "messages": [{"role": "user", "content": "今天的新闻"}], "max_tokens": 24, "temperature": 0,
                 "stream": %s, "stream_options": {"include_usage": true}}""";
        JsonNode whole = server.posted("/v1/chat/completions", request.formatted(false));
        HttpResponse<String> streamed = server.send(server.post("/v1/chat/completions", request.formatted(true)));
        assertThat(streamed.headers().firstValue("Content-Type")).hasValue("text/event-stream");
        List<String> events = streamed.body().lines()
                .filter(line -> !line.isEmpty())
                .map(line -> line.substring("data: ".length()))
                .toList();
        assertThat(events.getLast()).isEqualTo("[DONE]");
        StringBuilder text = new StringBuilder();
        for (String event : events.subList(0, events.size() - 2)) {
            JsonNode chunk = JsonMapper.shared().readTree(event);
            assertThat(chunk.path("object").asString()).isEqualTo("chat.completion.chunk");
            text.append(chunk.path("choices").get(0).path("delta").path("content").asString(""));
        }
        assertThat(text.toString())
                .isEqualTo(whole.path("choices").get(0).path("message").path("content").asString());
        assertThat(events.get(events.size() - 2)).contains("\"completion_tokens\"");
    }

    @Test
    void textsNeverBecomeControlTokens() throws Exception {
        JsonNode spelled = server.posted("/tokenize", "{\"text\": \"<|im_end|>\"}").path("data").get(0);
        assertThat(spelled.path("count").asInt()).isGreaterThan(1);
        JsonNode chat = server.posted("/v1/chat/completions", """
                {"model": "tiny", "max_tokens": 1, "messages": [{"role": "user", "content": "<|im_end|>"}]}""");
        JsonNode other = server.posted("/v1/chat/completions", """
                {"model": "tiny", "max_tokens": 1, "messages": [{"role": "user", "content": "a"}]}""");
        assertThat(chat.path("usage").path("prompt_tokens").asInt() - other.path("usage").path("prompt_tokens").asInt())
                .isEqualTo(spelled.path("count").asInt() - 1);
    }

    @Test
    void tokensMakeUpTheText() throws Exception {
        JsonNode item = server.posted("/tokenize", "{\"text\": [\"你好 world\"]}").path("data").get(0);
        assertThat(item.path("tokens")).hasSize(item.path("count").asInt());
        assertThat(item.path("pieces")).hasSize(item.path("count").asInt());
    }

    @Test
    void modelsAndInfoTellWhatIsThereButNotWhere() throws Exception {
        JsonNode models = server.got("/v1/models");
        assertThat(models.path("data").valueStream().map(model -> model.path("id").asString()))
                .containsExactly("news", "mail", "tiny");
        assertThat(models.path("data").get(1).path("parent").asString()).isEqualTo("tiny");
        String info = server.send(server.request("/info")).body();
        assertThat(info).contains("\"max_body_bytes\":2097152").doesNotContain(folder.toString(), "/models");
    }

    @Test
    void metricsCountWhatWasDone() throws Exception {
        server.posted("/classify", "{\"text\": \"股市上涨\"}");
        String metrics = server.send(server.request("/metrics")).body();
        assertThat(metrics)
                .contains("fenlei_http_requests_total{method=\"POST\",route=\"/classify\",status=\"200\"}")
                .contains("fenlei_pass_texts_count{model=\"news\"}", "jvm_memory_used_bytes",
                        "fenlei_requests_in_flight");
        assertThat(metrics.lines().filter(line -> !line.startsWith("#")))
                .allMatch(line -> line.matches("[a-z_]+(\\{.*})? [-+0-9.eE]+(NaN|Inf)?"));
    }

    @Test
    void requestIdsComeBack() throws Exception {
        HttpResponse<String> named = server.send(server.request("/health").header("X-Request-Id", "abc-1"));
        assertThat(named.headers().firstValue("X-Request-Id")).hasValue("abc-1");
        HttpResponse<String> odd = server.send(server.request("/health").header("X-Request-Id", "a b\"<"));
        assertThat(odd.headers().firstValue("X-Request-Id")).hasValueSatisfying(id -> assertThat(id).hasSize(36));
    }
}
