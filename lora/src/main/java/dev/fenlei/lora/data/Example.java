package dev.fenlei.lora.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// One text to classify, with what the data says about it.
///
/// @param id         the row's own name, when the data has one
/// @param text       the text, never blank
/// @param candidates the labels offered for this text, without repeats; empty when the row names none
/// @param label      the right answer, when known
/// @param line       where it was read: the first line of the row, counted from 1 (for Parquet the row number); 0 when
///                   unknown
public record Example(@Nullable String id, String text, List<String> candidates, @Nullable String label, long line) {

    public Example {
        candidates = List.copyOf(candidates);
    }

    /// An example that was not read from a file.
    public static Example of(String text, List<String> candidates, @Nullable String label) {
        return new Example(null, text, candidates, label, 0);
    }

    /// The right answer; for code that was promised labelled data.
    ///
    /// @throws IllegalStateException when the example has none
    public String requireLabel() {
        if (label == null) {
            throw new IllegalStateException("The example of line " + line + " has no label");
        }
        return label;
    }
}
