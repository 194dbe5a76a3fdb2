package dev.fenlei.lora.report;

import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.run.MetricsLog;
import dev.fenlei.lora.run.RunException;
import dev.fenlei.lora.run.RunFolder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `report.html`: all that is known of a run in one file that needs nothing else, in Chinese and English.
///
/// The file holds the run as JSON and a script that draws it. Its size is bounded: long courses are thinned, and texts are cut so that all
/// of them together stay below a few megabytes.
public final class RunReport {

    /// The name of the file in the run folder.
    public static final String FILE = "report.html";

    private static final String RESOURCES = "/dev/fenlei/lora/report/";
    private static final int MAX_STEPS = 4000;
    private static final List<String> COLUMNS = List.of(
            "step", "epoch", "loss", "learning_rate", "gradient_norm", "tokens_per_second", "heap_bytes",
            "resident_bytes", "process_cpu_load", "system_cpu_load");
    private static final JsonMapper JSON = JsonMapper.shared();

    private RunReport() {}

    /// Writes the report of a run from what is in its folder; what is not there is left out.
    ///
    /// @return the file
    /// @throws RunException if the folder holds no run
    public static Path write(Path run) throws IOException {
        Path file = run.resolve(FILE);
        DurableFiles.write(file, html(run).getBytes(StandardCharsets.UTF_8));
        return file;
    }

    /// The report of a run as it stands, which need not have ended.
    ///
    /// @throws RunException if the folder holds no run
    public static String html(Path run) throws IOException {
        return resource("report.html")
                .replace("{{style}}", resource("report.css"))
                .replace("{{charts}}", charts())
                .replace("{{script}}", resource("report.js"))
                .replace("{{data}}", escaped(JSON.writeValueAsString(content(run))));
    }

    /// The script that draws the charts of reports, for other pages.
    public static String charts() {
        return resource("charts.js");
    }

    /// The style of reports, which holds that of charts.
    public static String style() {
        return resource("report.css");
    }

    private static Map<String, @Nullable Object> content(Path run) throws IOException {
        JsonNode about = RunFolder.readRun(run);
        Map<String, @Nullable Object> content = new LinkedHashMap<>();
        content.put("name", run.toAbsolutePath().normalize().getFileName().toString());
        content.put("run", about);
        content.put("command", command(about));
        content.put("data", json(run.resolve("data.json")));
        addCourse(run.resolve("metrics.jsonl"), content);
        JsonNode evaluation = json(run.resolve("evaluation.json"));
        Path predictions = run.resolve("predictions.jsonl");
        if (evaluation != null && Files.exists(predictions)) {
            List<String> labels = new ArrayList<>();
            evaluation.path("labels").forEach(label -> labels.add(label.asString("")));
            content.put("evaluation", evaluation);
            content.put("labels", labels);
            ExampleTable.read(predictions, labels).addTo(content);
        } else {
            content.put("evaluation", null);
            content.put("labels", List.of());
            content.put("rows", List.of());
        }
        return content;
    }

    /// The command that does the run again, with every option that was given.
    static String command(JsonNode run) {
        StringBuilder command = new StringBuilder("java -jar fenlei.jar train");
        for (JsonNode option : run.path("options")) {
            String word = option.asString("");
            command.append(' ')
                    .append(word.matches("[\\w@%+=:,./-]+") ? word : "'" + word.replace("'", "'\\''") + "'");
        }
        return command.toString();
    }

    private static void addCourse(Path file, Map<String, @Nullable Object> content) throws IOException {
        List<JsonNode> steps = new ArrayList<>();
        List<JsonNode> validations = new ArrayList<>();
        Double baseline = null;
        for (JsonNode line : Files.exists(file) ? MetricsLog.read(file) : List.<JsonNode>of()) {
            if (line.has("loss")) {
                steps.add(line);
            } else if (line.has("validation_nll")) {
                validations.add(line);
            } else if (line.has("baseline_accuracy")) {
                baseline = line.path("baseline_accuracy").asDouble();
            }
        }
        int every = Math.max(1, (steps.size() + MAX_STEPS - 1) / MAX_STEPS);
        Map<String, List<JsonNode>> columns = new LinkedHashMap<>();
        for (String column : COLUMNS) {
            List<JsonNode> values = new ArrayList<>();
            for (int i = every - 1; i < steps.size(); i += every) {
                JsonNode value = steps.get(i).get(column);
                values.add(value == null ? JSON.nullNode() : value);
            }
            columns.put(column, values);
        }
        content.put("steps", columns);
        content.put("validations", validations);
        content.put("baseline", baseline);
        JsonNode best = null;
        for (JsonNode validation : validations) {
            best = validation.path("best").asBoolean(false) ? validation : best;
        }
        content.put("best", best);
    }

    private static @Nullable JsonNode json(Path file) throws IOException {
        if (!Files.exists(file)) {
            return null;
        }
        try {
            return JSON.readTree(Files.readString(file));
        } catch (JacksonException e) {
            throw new RunException(file + ": malformed JSON: " + e.getOriginalMessage());
        }
    }

    /// JSON that cannot end the element that holds it.
    private static String escaped(String json) {
        return json.replace("<", "\\u003c");
    }

    private static String resource(String name) {
        try (InputStream in = RunReport.class.getResourceAsStream(RESOURCES + name)) {
            if (in == null) {
                throw new IllegalStateException("the resource " + RESOURCES + name + " is missing");
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
