package dev.fenlei.cli.inspect;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/// A report as indented text: values beside their keys, lists of maps as tables.
final class ReportText {

    private final StringBuilder out = new StringBuilder();

    private ReportText() {}

    static String of(Map<String, Object> report) {
        ReportText text = new ReportText();
        text.append(report, "");
        return text.out.toString();
    }

    private void append(Map<?, ?> map, String indent) {
        int width = map.keySet().stream().mapToInt(key -> key.toString().length()).max().orElse(0);
        map.forEach((key, value) -> {
            String start = indent + key;
            if (value instanceof Map<?, ?> inner) {
                line(start);
                append(inner, indent + "  ");
            } else if (value instanceof Collection<?> rows) {
                line(start);
                table(rows, indent + "  ");
            } else {
                line(start + " ".repeat(width + 2 - key.toString().length()) + scalar(value));
            }
        });
    }

    private void table(Collection<?> rows, String indent) {
        List<List<String>> cells = new ArrayList<>();
        for (Object row : rows) {
            Collection<?> values = row instanceof Map<?, ?> map ? map.values() : List.of(row);
            cells.add(values.stream().map(ReportText::scalar).toList());
        }
        int columns = cells.stream().mapToInt(List::size).max().orElse(0);
        int[] widths = new int[columns];
        for (List<String> row : cells) {
            for (int i = 0; i < row.size(); i++) {
                widths[i] = Math.max(widths[i], row.get(i).length());
            }
        }
        for (List<String> row : cells) {
            StringBuilder line = new StringBuilder(indent);
            for (int i = 0; i < row.size(); i++) {
                line.append(row.get(i)).repeat(" ", widths[i] + 2 - row.get(i).length());
            }
            line(line.toString().stripTrailing());
        }
    }

    private void line(String text) {
        out.append(text).append(System.lineSeparator());
    }

    private static String scalar(Object value) {
        return switch (value) {
            case Long number -> String.format(Locale.ROOT, "%,d", number);
            case long[] shape -> Arrays.toString(shape);
            case JsonNode node when node.isString() -> node.stringValue();
            default -> value.toString();
        };
    }
}
