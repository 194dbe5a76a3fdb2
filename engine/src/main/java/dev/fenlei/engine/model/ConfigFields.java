package dev.fenlei.engine.model;

import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/// The fields of a JSON object in a configuration file. Errors name the file and the field.
///
/// @param path where the object stands in the file: empty, or the names of the fields that lead to it, each with a dot behind
record ConfigFields(Path file, JsonNode json, String path) {

    private static final int MAX_SIZE = 1 << 24;

    /// Whether a field is there and not null.
    boolean has(String field) {
        return json.hasNonNull(field);
    }

    /// Whether a field is there and null.
    boolean isNull(String field) {
        return json.path(field).isNull();
    }

    void require(String field, boolean condition, String rule) throws ModelException {
        if (!condition) {
            JsonNode node = json.path(field);
            throw new ModelException(
                    file,
                    "field '" + path + field + "' is " + (node.isMissingNode() ? "missing" : node) + "; " + rule);
        }
    }

    /// A positive whole number; the fallback where the field is missing or null, an error if that is not positive.
    int size(String field, int fallback) throws ModelException {
        JsonNode node = json.path(field);
        int value = !has(field) ? fallback : node.isInt() ? node.intValue() : -1;
        require(field, value > 0 && value <= MAX_SIZE, "must be a whole number from 1 to " + MAX_SIZE);
        return value;
    }

    /// A positive number; the fallback where the field is missing or null, an error if that is not positive.
    double number(String field, double fallback) throws ModelException {
        JsonNode node = json.path(field);
        double value = !has(field) ? fallback : node.isNumber() ? node.doubleValue() : -1;
        require(field, value > 0 && Double.isFinite(value), "must be a number above 0");
        return value;
    }

    boolean flag(String field, boolean fallback) throws ModelException {
        require(field, !has(field) || json.path(field).isBoolean(), "must be true or false");
        return has(field) ? json.path(field).booleanValue() : fallback;
    }

    String text(String field, String fallback) throws ModelException {
        require(field, !has(field) || json.path(field).isString(), "must be a text");
        return has(field) ? json.path(field).stringValue() : fallback;
    }

    /// The fields of an object inside; of an empty one where the field is missing or null.
    ConfigFields object(String field) throws ModelException {
        require(field, !has(field) || json.path(field).isObject(), "must be an object");
        return new ConfigFields(file, json.path(field), path + field + ".");
    }

    boolean isEmpty() {
        return json.isEmpty();
    }
}
