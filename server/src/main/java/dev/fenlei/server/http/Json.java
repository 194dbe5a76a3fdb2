package dev.fenlei.server.http;

import dev.fenlei.server.Limit;
import dev.fenlei.server.Limits;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// JSON in, within limits, and JSON out, in snake case.
public final class Json {

    private static final int MAX_NUMBER_LENGTH = 64;
    private static final int MAX_NAME_LENGTH = 256;

    private static final JsonMapper WRITER = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .build();

    private final JsonMapper reader;

    Json(Limits limits) {
        StreamReadConstraints constraints = StreamReadConstraints.builder()
                .maxNestingDepth(limits.count(Limit.MAX_JSON_DEPTH))
                .maxTokenCount(limits.get(Limit.MAX_JSON_TOKENS))
                .maxNumberLength(MAX_NUMBER_LENGTH)
                .maxNameLength(MAX_NAME_LENGTH)
                .maxStringLength(limits.count(Limit.MAX_BODY_BYTES))
                .build();
        reader = JsonMapper.builder(JsonFactory.builder()
                .streamReadConstraints(constraints)
                .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                .build())
                .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
                .build();
    }

    /// Reads the one object that a body must be.
    ///
    /// @throws ApiError if it is none
    ObjectNode object(byte[] body) {
        JsonNode node;
        try {
            node = reader.readTree(body);
        } catch (StreamConstraintsException e) {
            throw ApiError.malformed("json_too_large",
                    "the JSON is nested too deep, or has too many or too long parts");
        } catch (JacksonException e) {
            // The message of the library quotes the text, which may be a secret of the client.
            throw ApiError.malformed("malformed_json", "the body is not valid JSON at line "
                    + e.getLocation().getLineNr() + ", column " + e.getLocation().getColumnNr());
        }
        if (node instanceof ObjectNode object) {
            return object;
        }
        throw ApiError.malformed("malformed_json", "the body must be a JSON object");
    }

    /// Writes a record, map or list.
    public static byte[] write(Object value) {
        return WRITER.writeValueAsBytes(value);
    }
}
