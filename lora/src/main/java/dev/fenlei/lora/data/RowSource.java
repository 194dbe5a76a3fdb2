package dev.fenlei.lora.data;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The rows of one file as named fields, before anything is known about their meaning.
interface RowSource extends Closeable {

    /// The next row, or null at the end.
    ///
    /// @throws DataException when this row cannot be read; the next call goes on with the row after it
    @Nullable
    Fields next() throws IOException;

    /// The names of the classes, when the file itself says them; else empty.
    default List<String> classNames() {
        return List.of();
    }

    /// The fields of one row. A value is a `String`, a `List<String>`, or an [Unusable]; absent and null fields are
    /// left out.
    record Fields(long line, Map<String, Object> values) {}

    /// A value that is neither text nor a list of texts; an error only if the field is needed.
    ///
    /// @param kind what it is instead, for the message
    record Unusable(String kind) {}
}
