package dev.fenlei.lora.classify;

import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.data.DataException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a classifier must know beside the adapter's weights; a file of our own in the PEFT directory, which PEFT ignores.
///
/// @param labels the label set it was trained on, for texts that come without candidates
/// @param maxLength the most tokens of a prompt and its label in training
public record AdapterCard(List<String> labels, int maxLength) {

    private static final String FILE = "fenlei_classifier.json";
    private static final int MAX_BYTES = 4 << 20;

    public AdapterCard {
        labels = List.copyOf(labels);
    }

    /// Reads the card of an adapter directory; empty if it was made elsewhere and has none.
    ///
    /// @throws DataException if the file is malformed
    public static Optional<AdapterCard> load(Path directory) throws IOException {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        if (Files.size(file) > MAX_BYTES) {
            throw new DataException(file.toString(), 0, null, "larger than " + MAX_BYTES + " bytes");
        }
        try {
            JsonNode json = JsonMapper.shared().readTree(Files.readString(file));
            List<String> labels = new ArrayList<>();
            json.path("labels").forEach(label -> labels.add(label.asString()));
            int maxLength = json.path("max_length").asInt(0);
            if (maxLength < 1) {
                throw new DataException(file.toString(), 0, "max_length", "must be a positive number");
            }
            return Optional.of(new AdapterCard(labels, maxLength));
        } catch (JacksonException e) {
            throw new DataException(file.toString(), 0, null, "malformed JSON: " + e.getOriginalMessage());
        }
    }

    /// Writes the card into an adapter directory.
    public void save(Path directory) throws IOException {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("labels", labels);
        json.put("max_length", maxLength);
        DurableFiles.writeJson(directory.resolve(FILE), json);
    }
}
