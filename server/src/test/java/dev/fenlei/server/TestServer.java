package dev.fenlei.server;

import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.classify.AdapterCard;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A service over the bundled model on a free port, and a client for it.
final class TestServer implements AutoCloseable {

    static final Path TINY = Path.of(System.getProperty("fenlei.root", "..")).resolve("models/tiny");

    private final ClassificationServer server;
    private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private TestServer(ClassificationServer server) {
        this.server = server;
    }

    static TestServer start(UnaryOperator<ServerSettings> settings) throws IOException, InterruptedException {
        TestServer test = startLoading(settings);
        test.server.awaitReady();
        return test;
    }

    static TestServer startLoading(UnaryOperator<ServerSettings> settings) throws IOException {
        return new TestServer(ClassificationServer.start(settings.apply(ServerSettings.of(TINY).withPort(0))));
    }

    /// Writes an untrained adapter with a label set.
    static Path adapter(Path folder, String name, String... labels) throws IOException {
        Path directory = folder.resolve(name);
        try (CpuBackend backend = new CpuBackend();
                Decoder decoder = Decoder.load(TINY, backend)) {
            Adapter.create(decoder, LoraConfig.of(4, 8, 0, List.of("q_proj", "v_proj")), 1).save(directory);
            new AdapterCard(List.of(labels), 128).save(directory);
        }
        return directory;
    }

    ClassificationServer server() {
        return server;
    }

    URI uri(String path) {
        return server.uri().resolve(path);
    }

    int port() {
        return server.port();
    }

    HttpClient client() {
        return client;
    }

    HttpRequest.Builder request(String path) {
        return HttpRequest.newBuilder(uri(path));
    }

    HttpRequest.Builder post(String path, String json) {
        return request(path)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(json));
    }

    HttpResponse<String> send(HttpRequest.Builder request) throws IOException, InterruptedException {
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }

    /// The answer to a POST that must succeed.
    JsonNode posted(String path, String json) throws IOException, InterruptedException {
        HttpResponse<String> answer = send(post(path, json));
        if (answer.statusCode() != 200) {
            throw new AssertionError(path + " answered " + answer.statusCode() + ": " + answer.body());
        }
        return json(answer);
    }

    JsonNode got(String path) throws IOException, InterruptedException {
        return json(send(request(path)));
    }

    static JsonNode json(HttpResponse<String> answer) {
        return JsonMapper.shared().readTree(answer.body());
    }

    @Override
    public void close() {
        client.close();
        server.close();
    }
}
