package dev.fenlei.lora.data;

import org.jspecify.annotations.Nullable;

/// Data that cannot be used. The message says where (file, line, field), what is wrong, and what to do.
public final class DataException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final String source;
    private final long line;
    private final @Nullable String field;

    /// @param source  the file, or another name of where the data comes from
    /// @param line    the line, counted from 1 (for Parquet the row); 0 when the whole file is meant
    /// @param field   the field or column, when one is meant
    /// @param problem what is wrong and what to do, one or two sentences
    public DataException(String source, long line, @Nullable String field, String problem) {
        this(source, line, field, problem, null);
    }

    /// As above, with what caused it.
    public DataException(
            String source, long line, @Nullable String field, String problem, @Nullable Throwable cause) {
        super(place(source, line, field) + ": " + problem, cause);
        this.source = source;
        this.line = line;
        this.field = field;
    }

    /// The file, or another name of where the data comes from.
    public String source() {
        return source;
    }

    /// The line, counted from 1; 0 when the whole file is meant.
    public long line() {
        return line;
    }

    /// The field or column, when one is meant.
    public @Nullable String field() {
        return field;
    }

    private static String place(String source, long line, @Nullable String field) {
        return source + (line > 0 ? ", line " + line : "") + (field == null ? "" : ", field \"" + field + "\"");
    }
}
