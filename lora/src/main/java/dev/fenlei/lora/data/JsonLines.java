package dev.fenlei.lora.data;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// One JSON object a line. Empty lines are skipped.
final class JsonLines implements RowSource {

    private static final int MAX_DEPTH = 32;
    private static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxStringLength(DataOptions.MAX_LINE_BYTES)
                    .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private final Utf8Lines lines;
    private final String source;

    JsonLines(Utf8Lines lines, String source) {
        this.lines = lines;
        this.source = source;
    }

    @Override
    public @Nullable Fields next() throws IOException {
        String line = lines.next();
        while (line != null && line.isBlank()) {
            line = lines.next();
        }
        return line == null ? null : new Fields(lines.number(), object(line));
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }

    private Map<String, Object> object(String line) {
        JsonNode node;
        try {
            node = JSON.readTree(line);
        } catch (JacksonException e) {
            throw new DataException(
                    source,
                    lines.number(),
                    null,
                    "not a JSON object: " + e.getOriginalMessage() + "; every line must hold one whole object,"
                            + " a file that is one JSON array must be rewritten to that form",
                    e);
        }
        if (!node.isObject()) {
            throw new DataException(
                    source, lines.number(), null, "a JSON object is needed, like {\"text\": \"…\", \"label\": \"…\"}");
        }
        Map<String, Object> values = new HashMap<>();
        node.forEachEntry((name, value) -> {
            if (!value.isNull()) {
                values.put(name, value(value));
            }
        });
        return values;
    }

    private static Object value(JsonNode node) {
        if (node.isString() || node.isNumber() || node.isBoolean()) {
            return node.asString();
        }
        if (!node.isArray()) {
            return new Unusable("an object");
        }
        List<String> items = new ArrayList<>(node.size());
        for (JsonNode item : node) {
            if (!item.isString() && !item.isNumber()) {
                return new Unusable("a list that does not hold texts only");
            }
            items.add(item.asString());
        }
        return items;
    }
}
