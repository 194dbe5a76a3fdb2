package dev.fenlei.lora.data;

import org.jspecify.annotations.Nullable;

/// What one row of a data file gave: an example, or the reason why it cannot be used. Exactly one of the two is
/// present.
///
/// @param line    the row's first line, counted from 1 (for Parquet the row number)
/// @param example the example, when the row is good
/// @param error   what is wrong with the row, when it is bad
public record DataRow(long line, @Nullable Example example, @Nullable DataException error) {

    public DataRow {
        if ((example == null) == (error == null)) {
            throw new IllegalArgumentException("A row is either an example or an error");
        }
    }

    /// The example.
    ///
    /// @throws DataException when the row is bad
    public Example orThrow() {
        if (example == null) {
            throw error == null ? new IllegalStateException() : error;
        }
        return example;
    }
}
