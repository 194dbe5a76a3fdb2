package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/// Checks of fields of a JSON file; what is not as expected is an error that names file and field.
final class Fields {

    private Fields() {}

    static void require(Path file, String field, JsonNode node, String expected) throws IOException {
        if (!node.asString("").equals(expected)) {
            throw unsupported(file, field, node, "\"" + expected + "\"");
        }
    }

    /// Requires that the field is missing, null, false, zero or empty.
    static void requireAbsent(Path file, String field, JsonNode node) throws IOException {
        boolean absent = node.isMissingNode()
                || node.isNull()
                || (node.isBoolean() && !node.asBoolean())
                || (node.isNumber() && node.asDouble() == 0)
                || (node.isString() && node.asString().isEmpty());
        if (!absent) {
            throw new TokenizerException(
                    file, field + " is " + abbreviate(node.toString()) + ", which is not supported");
        }
    }

    static TokenizerException unsupported(Path file, String field, JsonNode node, String supported) {
        String actual = node.isMissingNode() ? "missing" : abbreviate(node.toString());
        return new TokenizerException(file, field + " is " + actual + "; supported: " + supported);
    }

    static boolean isNothing(JsonNode node) {
        return node.isMissingNode() || node.isNull();
    }

    static String abbreviate(String text) {
        return text.length() <= 100 ? text : text.substring(0, 100) + "…";
    }
}
