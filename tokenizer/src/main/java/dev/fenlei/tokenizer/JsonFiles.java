package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads the JSON and text files of a tokenizer within limits.
final class JsonFiles {

    private static final long MAX_FILE_BYTES = 256L << 20;

    private static final JsonMapper MAPPER = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(64)
                    .maxStringLength(1 << 20)
                    .maxNameLength(1 << 16)
                    .maxDocumentLength(MAX_FILE_BYTES)
                    .build())
            .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build();

    private JsonFiles() {}

    static JsonNode emptyObject() {
        return MAPPER.createObjectNode();
    }

    static String quote(String text) {
        return MAPPER.writeValueAsString(text);
    }

    static JsonNode parse(String json) {
        return MAPPER.readTree(json);
    }

    static JsonNode readObject(Path file) throws IOException {
        checkSize(file);
        try {
            JsonNode root = MAPPER.readTree(Files.readAllBytes(file));
            if (!root.isObject()) {
                throw new TokenizerException(file, "must hold one JSON object");
            }
            return root;
        } catch (JacksonException e) {
            throw new TokenizerException(file, "not valid JSON: " + e.getMessage(), e);
        }
    }

    static List<String> readLines(Path file) throws IOException {
        checkSize(file);
        try {
            return Files.readAllLines(file);
        } catch (CharacterCodingException e) {
            throw new TokenizerException(file, "not valid UTF-8", e);
        }
    }

    static String readText(Path file) throws IOException {
        return String.join("\n", readLines(file));
    }

    static byte[] readBytes(Path file) throws IOException {
        checkSize(file);
        return Files.readAllBytes(file);
    }

    private static void checkSize(Path file) throws IOException {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw new TokenizerException(file, "larger than the limit of " + MAX_FILE_BYTES + " bytes");
            }
        } catch (NoSuchFileException e) {
            throw new TokenizerException(file, "does not exist", e);
        }
    }
}
