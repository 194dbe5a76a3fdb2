package dev.fenlei.lora.report;

import dev.fenlei.lora.run.RunException;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The predictions of a run as a report holds them: every mistake, as many right answers as there is room for, texts cut.
final class ExampleTable {

    private static final int MAX_ROWS = 20_000;
    private static final int TEXT_CHARACTERS = 2_000_000;
    private static final int MIN_CHARACTERS = 40;
    private static final int MAX_CHARACTERS = 1000;
    private static final int LENGTH_BINS = 8;

    /// @param truth place of the true label
    /// @param predicted place of the answer: in the labels, or behind them in the other answers
    private record Row(int truth, int predicted, @Nullable Double confidence, @Nullable Double ofTruth, int length,
            String text, @Nullable String id) {

        boolean correct() {
            return truth == predicted;
        }

        List<@Nullable Object> toJson(int characters) {
            return Arrays.asList(truth, predicted, rounded(confidence), rounded(ofTruth), length,
                    cut(text, characters), id);
        }

        private static @Nullable Double rounded(@Nullable Double value) {
            return value == null ? null : Math.round(value * 1e4) / 1e4;
        }

        private static String cut(String text, int characters) {
            return text.codePointCount(0, text.length()) <= characters
                    ? text
                    : text.substring(0, text.offsetByCodePoints(0, characters)) + "…";
        }
    }

    private final Map<String, Integer> places = new HashMap<>();
    private final int labels;
    private final List<Row> rows = new ArrayList<>();

    private ExampleTable(List<String> labels) {
        this.labels = labels.size();
        labels.forEach(label -> places.put(label, places.size()));
    }

    /// Reads `predictions.jsonl`.
    ///
    /// @throws RunException if a line is no prediction
    static ExampleTable read(Path file, List<String> labels) throws IOException {
        ExampleTable table = new ExampleTable(labels);
        try (BufferedReader lines = Files.newBufferedReader(file)) {
            int number = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                number++;
                try {
                    table.add(JsonMapper.shared().readTree(line));
                } catch (JacksonException e) {
                    throw new RunException(file + ", line " + number + ": is not JSON");
                }
            }
        }
        return table;
    }

    private void add(JsonNode line) {
        String truth = line.path("label").asString("");
        String answer = line.path("prediction").asString("");
        JsonNode probabilities = line.path("probabilities");
        String text = line.path("text").asString("");
        rows.add(new Row(
                place(truth), place(answer), number(probabilities.get(answer)), number(probabilities.get(truth)),
                text.codePointCount(0, text.length()), text,
                line.has("id") ? line.path("id").asString("") : null));
    }

    private int place(String answer) {
        return places.computeIfAbsent(answer, _ -> places.size());
    }

    private static @Nullable Double number(@Nullable JsonNode node) {
        return node == null ? null : node.asDouble();
    }

    void addTo(Map<String, @Nullable Object> content) {
        List<Row> kept = kept();
        int characters = Math.clamp(TEXT_CHARACTERS / Math.max(1, kept.size()), MIN_CHARACTERS, MAX_CHARACTERS);
        String[] answers = new String[places.size()];
        places.forEach((answer, place) -> answers[place] = answer);
        content.put("answers", Arrays.asList(answers).subList(labels, answers.length));
        content.put("rows", kept.stream().map(row -> row.toJson(characters)).toList());
        content.put("omitted", rows.size() - kept.size());
        content.put("cut", kept.stream().anyMatch(row -> row.length() > characters));
        content.put("by_length", byLength());
    }

    /// In their order: all mistakes, and right answers evenly among the rest.
    private List<Row> kept() {
        long wrong = rows.stream().filter(row -> !row.correct()).count();
        long right = rows.size() - wrong;
        long room = Math.max(0, MAX_ROWS - wrong);
        List<Row> kept = new ArrayList<>();
        long seen = 0;
        for (Row row : rows) {
            boolean keep = !row.correct();
            if (row.correct()) {
                keep = right <= room || (seen + 1) * room / right > seen * room / right;
                seen++;
            }
            if (keep && kept.size() < MAX_ROWS) {
                kept.add(row);
            }
        }
        return kept;
    }

    /// Right answers among texts of like length, as many texts in each bin.
    private List<Map<String, Object>> byLength() {
        List<Row> sorted = rows.stream().sorted((a, b) -> Integer.compare(a.length(), b.length())).toList();
        List<Map<String, Object>> bins = new ArrayList<>();
        for (int start = 0, bin = 1; start < sorted.size(); bin++) {
            int end = Math.max(start + 1, (int) ((long) sorted.size() * Math.min(bin, LENGTH_BINS) / LENGTH_BINS));
            while (end < sorted.size() && sorted.get(end).length() == sorted.get(end - 1).length()) {
                end++;
            }
            Map<String, Object> json = new LinkedHashMap<>();
            json.put("from", sorted.get(start).length());
            json.put("to", sorted.get(end - 1).length());
            json.put("rows", end - start);
            json.put("correct", sorted.subList(start, end).stream().filter(Row::correct).count());
            bins.add(json);
            start = end;
        }
        return bins;
    }
}
