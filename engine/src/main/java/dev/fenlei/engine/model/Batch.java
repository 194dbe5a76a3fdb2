package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.AttentionMask;
import java.util.Arrays;
import java.util.stream.IntStream;

/// Token rows that go through the model together: several sequences end to end, without padding.
///
/// @param ids the token of each row
/// @param positions the place of each row in its text
/// @param mask what each row sees
/// @param outputs the rows whose hidden states are wanted, ascending. Below the last layer every row is needed, since others see
///     it; behind the last layer's attention the other rows are not computed.
public record Batch(int[] ids, int[] positions, AttentionMask mask, int[] outputs) {

    public Batch {
        if (ids.length != positions.length || ids.length != mask.rows()) {
            throw new IllegalArgumentException("arrays of different lengths");
        }
        for (int i = 0; i < outputs.length; i++) {
            if (outputs[i] < 0 || outputs[i] >= ids.length || (i > 0 && outputs[i] <= outputs[i - 1])) {
                throw new IllegalArgumentException("outputs are not ascending rows: " + Arrays.toString(outputs));
            }
        }
    }

    /// All rows are wanted.
    public Batch(int[] ids, int[] positions, AttentionMask mask) {
        this(ids, positions, mask, IntStream.range(0, ids.length).toArray());
    }

    /// One sequence that continues `prefixLength` cached rows.
    public static Batch sequence(int prefixLength, int... ids) {
        int[] positions = IntStream.range(prefixLength, prefixLength + ids.length).toArray();
        return new Batch(ids, positions, AttentionMask.causal(prefixLength, ids.length));
    }

    /// The same rows, of which others are wanted.
    public Batch withOutputs(int... rows) {
        return new Batch(ids, positions, mask, rows);
    }

    /// The number of rows.
    public int rows() {
        return ids.length;
    }

    /// Whether every row is wanted.
    boolean allOutputs() {
        return outputs.length == ids.length;
    }
}
