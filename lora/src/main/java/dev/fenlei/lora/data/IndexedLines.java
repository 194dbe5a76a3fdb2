package dev.fenlei.lora.data;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `text<TAB>class-index` without a header, the THUCNews form. A line without a tab is a text without a label.
final class IndexedLines implements RowSource {

    private final Utf8Lines lines;
    private final String text;
    private final String label;

    /// @param text  what the text column shall be called, null for the usual name
    /// @param label what the label column shall be called, null for the usual name
    IndexedLines(Utf8Lines lines, @Nullable String text, @Nullable String label) {
        this.lines = lines;
        this.text = text == null ? "text" : text;
        this.label = label == null ? "label" : label;
    }

    @Override
    public @Nullable Fields next() throws IOException {
        String line = lines.next();
        while (line != null && line.isBlank()) {
            line = lines.next();
        }
        if (line == null) {
            return null;
        }
        Map<String, Object> values = new HashMap<>();
        int tab = line.lastIndexOf('\t');
        values.put(text, tab < 0 ? line : line.substring(0, tab));
        if (tab >= 0) {
            values.put(label, line.substring(tab + 1));
        }
        return new Fields(lines.number(), values);
    }

    @Override
    public void close() throws IOException {
        lines.close();
    }
}
