package dev.fenlei.lora.search;

import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// A study as one HTML file that needs nothing else: history, reports on the way, parallel coordinates, importances, slices and a
/// table of the trials, in Chinese and English.
public final class StudyPage {

    private static final JsonMapper JSON = JsonMapper.shared();

    private StudyPage() {}

    /// Writes the page, replacing what is there.
    ///
    /// @param objective what the study's values are, such as `macro-f1`
    /// @param command that trains with the best parameters; empty if there is none yet
    public static void write(Path file, StudyState study, String objective, String command) throws IOException {
        Files.createDirectories(file.toAbsolutePath().resolveSibling(""));
        DurableFiles.write(file, render(study, objective, command).getBytes(StandardCharsets.UTF_8));
    }

    static String render(StudyState study, String objective, String command) {
        // Inside a script element only "<" could end it.
        String data = JSON.writeValueAsString(toJson(study, objective, command)).replace("<", "\\u003c");
        return resource("study.html")
                .replace("/*CSS*/", resource("study.css"))
                .replace("/*JS*/", resource("study.js"))
                .replace("/*DATA*/", data);
    }

    private static String resource(String name) {
        try (InputStream in = StudyPage.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("no resource " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ObjectNode toJson(StudyState study, String objective, String command) {
        ObjectNode json = JSON.createObjectNode()
                .put("name", study.name())
                .put("maximize", study.direction() == Direction.MAXIMIZE)
                .put("objective", objective)
                .put("command", command)
                .put("best", study.best().map(Trial::number).orElse(-1));
        ObjectNode parameters = json.putObject("parameters");
        study.trials().forEach(trial -> trial.distributions()
                .forEach((name, distribution) -> parameters.set(name, toJson(distribution))));
        ObjectNode importance = json.putObject("importance");
        Importance.of(study).forEach(importance::put);
        ArrayNode trials = json.putArray("trials");
        study.trials().forEach(trial -> trials.add(toJson(trial)));
        return json;
    }

    private static ObjectNode toJson(Distribution distribution) {
        ObjectNode json = JSON.createObjectNode();
        switch (distribution) {
            case CategoricalDistribution categorical -> {
                ArrayNode choices = json.putArray("choices");
                categorical.choices().forEach(choice -> choices.add(choice.isString()
                        ? choice.stringValue()
                        : choice.toString()));
            }
            case RangeDistribution range -> json
                    .put("low", range.low())
                    .put("high", range.high())
                    .put("log", range.log())
                    .put("integer", range.integer());
        }
        return json;
    }

    private static ObjectNode toJson(Trial trial) {
        ObjectNode json = JSON.createObjectNode().put("number", trial.number()).put("state", trial.state().name());
        json.put("value", trial.value() == null || !Double.isFinite(trial.value()) ? null : trial.value());
        ObjectNode parameters = json.putObject("parameters");
        trial.parameters().forEach(parameters::put);
        ArrayNode reports = json.putArray("reports");
        trial.intermediate().forEach((step, value) -> {
            if (Double.isFinite(value)) {
                reports.addArray().add(step).add(value);
            }
        });
        if (trial.started() != null && trial.completed() != null) {
            json.put("seconds", Duration.between(trial.started(), trial.completed()).toMillis() / 1e3);
        }
        ObjectNode notes = json.putObject("notes");
        for (Map.Entry<String, JsonNode> note : trial.userAttributes().entrySet()) {
            notes.set(note.getKey(), note.getValue());
        }
        return json;
    }
}
