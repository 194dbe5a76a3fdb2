package dev.fenlei.lora.data;

import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// How data files are to be read. Start from [#labelled()] or [#unlabelled()] and change what differs.
///
/// Columns left null have their usual names: the text is `text`, else `input` (with `instruction` beside it); the label
/// is
/// `output`, else `label`; the candidates are `category`.
///
/// @param textColumn       the column of the text, or null for the usual names
/// @param labelColumn      the column of the label, or null for the usual names
/// @param candidatesColumn the column of the row's candidates, or null for the usual name
/// @param labels           the label set, in order; a label that is a number is an index into it. Empty: taken from the
///                         class file, if any
/// @param classFile        a file with one class name a line; null: `class.txt` or `classes.txt` beside a file that
///                         holds class indices
/// @param labelRequired    whether every row must have a label, which must be among the row's candidates and the label
///                         set
/// @param maxRows          more rows than this are an error
public record DataOptions(
        @Nullable String textColumn,
        @Nullable String labelColumn,
        @Nullable String candidatesColumn,
        List<String> labels,
        @Nullable Path classFile,
        boolean labelRequired,
        long maxRows) {

    /// The longest line (or CSV row) that is read, in bytes of UTF-8.
    public static final int MAX_LINE_BYTES = 16 << 20;
    /// The most candidates a row or a label set may have.
    public static final int MAX_CANDIDATES = 1000;
    /// The longest label, in UTF-16 units.
    public static final int MAX_LABEL_LENGTH = 1000;
    /// The rows that are read unless told otherwise.
    public static final long DEFAULT_MAX_ROWS = 20_000_000;

    public DataOptions {
        labels = List.copyOf(labels);
        if (labels.size() > MAX_CANDIDATES) {
            throw new IllegalArgumentException("The label set has " + labels.size() + " labels, at most "
                    + MAX_CANDIDATES);
        }
        if (maxRows < 1) {
            throw new IllegalArgumentException("maxRows is " + maxRows + ", at least 1 is needed");
        }
    }

    /// For training and evaluation: every row must have a label.
    public static DataOptions labelled() {
        return new DataOptions(null, null, null, List.of(), null, true, DEFAULT_MAX_ROWS);
    }

    /// For prediction: a label may be missing, and is taken as it is.
    public static DataOptions unlabelled() {
        return new DataOptions(null, null, null, List.of(), null, false, DEFAULT_MAX_ROWS);
    }

    /// The same with these columns; null keeps the usual name.
    public DataOptions withColumns(@Nullable String text, @Nullable String label, @Nullable String candidates) {
        return new DataOptions(text, label, candidates, labels, classFile, labelRequired, maxRows);
    }

    /// The same with this label set.
    public DataOptions withLabels(List<String> newLabels) {
        return new DataOptions(
                textColumn, labelColumn, candidatesColumn, newLabels, classFile, labelRequired, maxRows);
    }

    /// The same with this class file.
    public DataOptions withClassFile(Path file) {
        return new DataOptions(
                textColumn, labelColumn, candidatesColumn, labels, Objects.requireNonNull(file), labelRequired,
                maxRows);
    }

    /// The same with this limit.
    public DataOptions withMaxRows(long rows) {
        return new DataOptions(textColumn, labelColumn, candidatesColumn, labels, classFile, labelRequired, rows);
    }
}
