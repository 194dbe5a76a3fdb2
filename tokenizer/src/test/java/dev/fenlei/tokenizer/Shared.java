package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The reference data that lies outside the project; tests that need it are skipped where it is absent.
final class Shared {

    private static final JsonMapper MAPPER = new JsonMapper();

    private Shared() {}

    static Path path(String relative) {
        Path path = Path.of(System.getProperty("fenlei.shared", "shared")).resolve(relative);
        Assumptions.assumeTrue(Files.exists(path), () -> "skipped: no reference data at " + path);
        return path;
    }

    static Tokenizer tokenizer(String name) throws IOException {
        return Tokenizer.load(path("tokenizers").resolve(name));
    }

    static List<JsonNode> golden(String file) throws IOException {
        return rows(path("golden-tokens").resolve(file));
    }

    static List<JsonNode> rows(Path file) throws IOException {
        return Files.readAllLines(file).stream().map(MAPPER::readTree).toList();
    }

    static int[] ids(JsonNode row) {
        return row.path("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
    }
}
