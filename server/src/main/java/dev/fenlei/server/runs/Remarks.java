package dev.fenlei.server.runs;

import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.server.http.ApiError;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.SequencedSet;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// `remarks.json`: what a person noted about a run.
///
/// @param notes free text
/// @param tags words to find it by
record Remarks(String notes, SequencedSet<String> tags) {

    static final String FILE = "remarks.json";

    private static final int MAX_NOTES = 20_000;
    private static final int MAX_TAGS = 32;
    private static final int MAX_TAG = 64;

    /// @throws ApiError if a field is missing or too long
    static Remarks of(ObjectNode body) {
        JsonNode notes = body.path("notes");
        JsonNode tags = body.path("tags");
        if (!notes.isString() || notes.asString().length() > MAX_NOTES) {
            throw ApiError.invalid("notes", "must be a text of at most " + MAX_NOTES + " characters");
        }
        if (!tags.isArray() || tags.size() > MAX_TAGS) {
            throw ApiError.invalid("tags", "must be a list of at most " + MAX_TAGS);
        }
        SequencedSet<String> words = new LinkedHashSet<>();
        for (JsonNode tag : tags) {
            if (!tag.isString() || tag.asString().isBlank() || tag.asString().length() > MAX_TAG) {
                throw ApiError.invalid("tags", "each must be a text of 1 to " + MAX_TAG + " characters");
            }
            words.add(tag.asString().strip());
        }
        return new Remarks(notes.asString(), words);
    }

    void write(Path run) throws IOException {
        DurableFiles.write(
                run.resolve(FILE),
                JsonMapper.shared()
                        .writeValueAsString(Map.of("notes", notes, "tags", tags))
                        .getBytes(StandardCharsets.UTF_8));
    }
}
