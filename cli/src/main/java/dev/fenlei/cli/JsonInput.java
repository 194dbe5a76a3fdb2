package dev.fenlei.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// JSON that the user names, read with a limit and with errors that say where.
public final class JsonInput {

    private JsonInput() {}

    /// Reads a file that holds one object.
    ///
    /// @throws UserErrorException if it is larger than `maxBytes`, or not one JSON object
    public static JsonNode readObject(Path file, long maxBytes) throws IOException {
        requireSize(file, maxBytes);
        return parseObject(Files.readString(file), file.toString());
    }

    /// @throws UserErrorException if the file is larger
    public static void requireSize(Path file, long maxBytes) throws IOException {
        if (Files.size(file) > maxBytes) {
            throw new UserErrorException(file + ": has " + Files.size(file) + " bytes, the limit is " + maxBytes);
        }
    }

    /// Parses one object.
    ///
    /// @param where for the message: the file, and the line if there are several
    /// @throws UserErrorException if the text is anything else
    public static JsonNode parseObject(String text, String where) {
        JsonNode node;
        try {
            node = JsonMapper.shared().readTree(text);
        } catch (JacksonException e) {
            throw new UserErrorException(where + ": not JSON: " + e.getOriginalMessage(), e);
        }
        if (!node.isObject()) {
            throw new UserErrorException(where + ": not a JSON object");
        }
        return node;
    }

    /// The token ids of an array.
    ///
    /// @param node the array
    /// @param vocabularySize ids must lie below
    /// @param where for the message: file and field
    /// @throws UserErrorException if it is not an array of such ids, or empty
    public static int[] ids(JsonNode node, int vocabularySize, String where) {
        if (!node.isArray() || node.isEmpty()) {
            throw new UserErrorException(where + " must be an array of token ids, at least one");
        }
        int[] ids = new int[node.size()];
        for (int i = 0; i < ids.length; i++) {
            JsonNode id = node.get(i);
            if (!id.isInt() || id.intValue() < 0 || id.intValue() >= vocabularySize) {
                throw new UserErrorException(where + "[" + i + "] is " + id + ", but the model's token ids are 0 to "
                        + (vocabularySize - 1));
            }
            ids[i] = id.intValue();
        }
        return ids;
    }
}
