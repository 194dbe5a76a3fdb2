package dev.fenlei.server.api;

import dev.fenlei.server.http.ApiError;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// The fields of a JSON object, checked while they are read. Every error names the field by its path. Fields that are null count
/// as absent.
final class Fields {

    private static final Pattern HALF_PAIR = Pattern.compile("\\p{Cs}");

    private final JsonNode object;
    private final String path;

    Fields(JsonNode object) {
        this(object, "");
    }

    /// @param path of the object, to be read before the names of its fields
    /// @throws ApiError if it is no object
    Fields(JsonNode object, String path) {
        if (!object.isObject()) {
            throw ApiError.invalid(path, "must be an object");
        }
        this.object = object;
        this.path = path.isEmpty() ? "" : path + ".";
    }

    /// The full path of a field.
    String path(String name) {
        return path + name;
    }

    /// The value of a field; null if it is absent.
    @Nullable
    JsonNode get(String name) {
        JsonNode value = object.get(name);
        return value == null || value.isNull() ? null : value;
    }

    /// The value of a field that must be there.
    JsonNode required(String name) {
        JsonNode value = get(name);
        if (value == null) {
            throw ApiError.invalid(path(name), "is missing");
        }
        return value;
    }

    @Nullable
    String text(String name) {
        JsonNode value = get(name);
        return value == null ? null : text(value, path(name));
    }

    /// The text of a value. Halves of surrogate pairs, which JSON can spell and no answer could repeat, become U+FFFD.
    static String text(JsonNode value, String path) {
        if (!value.isString()) {
            throw ApiError.invalid(path, "must be a string");
        }
        return HALF_PAIR.matcher(value.stringValue()).replaceAll("\uFFFD");
    }

    @Nullable
    Double number(String name, double minimum, double maximum) {
        JsonNode value = get(name);
        if (value == null) {
            return null;
        }
        double number = value.isNumber() ? value.asDouble() : Double.NaN;
        if (!(number >= minimum && number <= maximum)) {
            throw ApiError.invalid(path(name), "must be a number between " + minimum + " and " + maximum);
        }
        return number;
    }

    @Nullable
    Integer integer(String name, int minimum, int maximum) {
        JsonNode value = get(name);
        if (value == null) {
            return null;
        }
        if (!value.isInt() || value.intValue() < minimum || value.intValue() > maximum) {
            throw ApiError.invalid(path(name), "must be a whole number between " + minimum + " and " + maximum);
        }
        return value.intValue();
    }

    boolean flag(String name) {
        JsonNode value = get(name);
        if (value != null && !value.isBoolean()) {
            throw ApiError.invalid(path(name), "must be true or false");
        }
        return value != null && value.booleanValue();
    }

    /// The texts of a field that holds one or a list of them, which must not be empty.
    List<String> texts(String name, int maximum) {
        JsonNode value = required(name);
        if (!value.isArray()) {
            return List.of(text(value, path(name)));
        }
        requireSize(value, path(name), maximum);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < value.size(); i++) {
            texts.add(text(value.get(i), path(name) + "[" + i + "]"));
        }
        return texts;
    }

    /// Checks the length of a list.
    static void requireSize(JsonNode list, String path, int maximum) {
        if (!list.isArray()) {
            throw ApiError.invalid(path, "must be a list");
        }
        if (list.isEmpty() || list.size() > maximum) {
            throw ApiError.invalid(path, "must have between 1 and " + maximum + " items, it has " + list.size());
        }
    }
}
