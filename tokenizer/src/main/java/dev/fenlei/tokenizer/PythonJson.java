package dev.fenlei.tokenizer;

import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/// JSON as Python's `json.dumps` writes it, which chat templates use for tools: a space behind every comma and colon.
final class PythonJson {

    private PythonJson() {}

    /// @throws IllegalArgumentException if the text is no JSON object
    static String rewrite(String json) {
        try {
            JsonNode node = JsonFiles.parse(json);
            if (!node.isObject()) {
                throw new IllegalArgumentException("a tool must be a JSON object");
            }
            StringBuilder out = new StringBuilder();
            write(node, out);
            return out.toString();
        } catch (JacksonException e) {
            throw new IllegalArgumentException("a tool must be a JSON object: " + e.getMessage(), e);
        }
    }

    private static void write(JsonNode node, StringBuilder out) {
        if (node.isObject()) {
            String separator = "{";
            for (Map.Entry<String, JsonNode> entry : node.properties()) {
                out.append(separator).append(JsonFiles.quote(entry.getKey())).append(": ");
                write(entry.getValue(), out);
                separator = ", ";
            }
            out.append(node.isEmpty() ? "{}" : "}");
        } else if (node.isArray()) {
            String separator = "[";
            for (JsonNode element : node) {
                out.append(separator);
                write(element, out);
                separator = ", ";
            }
            out.append(node.isEmpty() ? "[]" : "]");
        } else {
            out.append(node);
        }
    }
}
