package dev.fenlei.cli.commands;

import dev.fenlei.cli.JsonInput;
import dev.fenlei.cli.UserErrorException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/// How tokens are chosen where the command line does not say.
record SamplingDefaults(double temperature, int topK, double topP, double repetitionPenalty) {

    private static final long MAX_FILE_BYTES = 1 << 20;

    /// Always the likeliest token.
    static final SamplingDefaults GREEDY = new SamplingDefaults(0, 0, 1, 1);

    /// What a model's `generation_config.json` recommends; fields that it lacks have the values of `transformers`.
    static SamplingDefaults read(Path model) throws IOException {
        Path file = model.resolve("generation_config.json");
        if (!Files.exists(file)) {
            throw new UserErrorException(file + ": there is no such file, so leave out --use-generation-config");
        }
        JsonNode json = JsonInput.readObject(file, MAX_FILE_BYTES);
        double penalty = number(file, json, "repetition_penalty", 1);
        if (!json.path("do_sample").asBoolean(false)) {
            return new SamplingDefaults(0, 0, 1, penalty);
        }
        return new SamplingDefaults(
                number(file, json, "temperature", 1),
                (int) number(file, json, "top_k", 50),
                number(file, json, "top_p", 1),
                penalty);
    }

    private static double number(Path file, JsonNode json, String field, double fallback) {
        JsonNode node = json.path(field);
        if (node.isMissingNode() || node.isNull()) {
            return fallback;
        }
        if (!node.isNumber()) {
            throw new UserErrorException(file + ": field '" + field + "' is " + node + ", not a number");
        }
        return node.doubleValue();
    }
}
