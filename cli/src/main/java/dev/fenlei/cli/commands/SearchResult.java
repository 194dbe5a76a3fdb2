package dev.fenlei.cli.commands;

import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.search.Study;
import dev.fenlei.lora.search.StudyPage;
import dev.fenlei.lora.search.StudyState;
import dev.fenlei.lora.search.Trial;
import dev.fenlei.lora.search.TrialState;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// What a search found: files, a table for a person, JSON for a program.
///
/// @param state the study as it is now
/// @param folder where the study's files lie
/// @param objective what its values are
/// @param model option of `train`
/// @param data option of `train`
/// @param common other options of `train` that all trials had in common, such as `--epochs=2`
record SearchResult(
        StudyState state, Path folder, Path storage, String objective, Path model, Path data, List<String> common) {

    private static final JsonMapper JSON = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
    private static final int MOST_ROWS = 15;

    /// Writes `study.html`, and `best_hyperparams.json` if there is a best trial.
    void write() throws IOException {
        StudyPage.write(folder.resolve("study.html"), state, objective, shellCommand());
        Trial best = state.best().orElse(null);
        if (best != null) {
            DurableFiles.write(
                    bestFile(),
                    (JSON.writeValueAsString(hyperparameters(best)) + "\n").getBytes(StandardCharsets.UTF_8));
        }
    }

    Path bestFile() {
        return folder.resolve("best_hyperparams.json");
    }

    /// Option names and values, as `train --config` reads them.
    private ObjectNode hyperparameters(Trial best) {
        ObjectNode json = JSON.createObjectNode();
        best.externalParameters().forEach(json::set);
        for (String option : common) {
            int equals = option.indexOf('=');
            json.put(option.substring(2, equals).replace('-', '_'), option.substring(equals + 1));
        }
        return json;
    }

    /// The words of the command that trains with the best parameters; empty without a best trial.
    List<String> trainArguments() {
        Trial best = state.best().orElse(null);
        if (best == null) {
            return List.of();
        }
        List<String> arguments = new ArrayList<>(
                List.of("train", "--model", model.toString(), "--data", data.toString()));
        arguments.addAll(common);
        arguments.addAll(TrialOptions.arguments(best.externalParameters()));
        return arguments;
    }

    /// The same for a shell.
    String shellCommand() {
        List<String> arguments = trainArguments();
        return arguments.isEmpty()
                ? ""
                : program() + " " + arguments.stream().map(SearchResult::quoted).collect(Collectors.joining(" "));
    }

    private static String program() {
        try {
            Path code = Path.of(
                    SearchResult.class.getProtectionDomain().getCodeSource().getLocation().toURI());
            return code.toString().endsWith(".jar")
                    ? "java -jar " + quoted(Path.of("").toAbsolutePath().relativize(code).toString())
                    : "fenlei";
        } catch (URISyntaxException | IllegalArgumentException notAFile) {
            return "fenlei";
        }
    }

    private static String quoted(String word) {
        return word.matches("[\\p{L}\\p{N}@%+=:,./_-]+") ? word : "'" + word.replace("'", "'\\''") + "'";
    }

    /// The best trials, one a line.
    String table() {
        List<String> names = state.trials().stream()
                .flatMap(trial -> trial.parameters().keySet().stream())
                .distinct()
                .toList();
        List<List<String>> rows = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of("trial", objective, "state"));
        head.addAll(names);
        rows.add(head);
        state.trials().stream().sorted(byValue()).limit(MOST_ROWS).forEach(trial -> rows.add(row(trial, names)));
        int[] widths = new int[head.size()];
        rows.forEach(row -> {
            for (int i = 0; i < widths.length; i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        });
        StringBuilder table = new StringBuilder();
        for (List<String> row : rows) {
            for (int i = 0; i < widths.length; i++) {
                table.append(" ".repeat(widths[i] - row.get(i).length() + (i == 0 ? 0 : 2))).append(row.get(i));
            }
            table.append(System.lineSeparator());
        }
        int more = state.trials().size() - (rows.size() - 1);
        return table + (more > 0 ? "and " + more + " more" + System.lineSeparator() : "");
    }

    private Comparator<Trial> byValue() {
        return Comparator.<Trial>comparingInt(trial -> trial.state() == TrialState.COMPLETE ? 0 : 1)
                .thenComparing((a, b) -> {
                    double first = valueOf(a);
                    double second = valueOf(b);
                    return state.direction().better(first, second)
                            ? -1
                            : state.direction().better(second, first) ? 1 : 0;
                });
    }

    private static double valueOf(Trial trial) {
        return trial.value() == null ? Double.NaN : trial.value();
    }

    private static List<String> row(Trial trial, List<String> names) {
        Map<String, JsonNode> parameters = trial.externalParameters();
        List<String> row = new ArrayList<>();
        row.add(Integer.toString(trial.number()));
        row.add(trial.value() == null ? "" : String.format(Locale.ROOT, "%.4f", trial.value()));
        row.add(trial.state().name().toLowerCase(Locale.ROOT));
        for (String name : names) {
            row.add(cell(parameters.get(name)));
        }
        return row;
    }

    private static String cell(@Nullable JsonNode value) {
        return value == null
                ? ""
                : value.isFloatingPointNumber()
                        ? String.format(Locale.ROOT, "%.4g", value.doubleValue())
                        : value.asString();
    }

    /// Everything, for a program.
    Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("study", state.name());
        json.put("storage", storage.toString());
        json.put("objective", objective);
        json.put("direction", state.direction().name().toLowerCase(Locale.ROOT));
        Map<String, Object> counts = new LinkedHashMap<>();
        counts.put("all", state.trials().size());
        for (TrialState each : TrialState.values()) {
            counts.put(each.name().toLowerCase(Locale.ROOT), state.trials(each).size());
        }
        json.put("trials", counts);
        Trial best = state.best().orElse(null);
        json.put("best", best == null ? null : best(best));
        json.put("best_hyperparams", best == null ? null : bestFile().toString());
        json.put("train", trainArguments());
        json.put("page", folder.resolve("study.html").toString());
        return json;
    }

    private Map<String, @Nullable Object> best(Trial best) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("trial", best.number());
        json.put("value", best.value());
        json.put("parameters", best.externalParameters());
        json.put("adapter", Study.trialFolder(folder, best.number()).resolve("adapter").toString());
        return json;
    }
}
