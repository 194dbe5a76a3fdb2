package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.AttentionMask;

/// Token rows that go through the model together: several sequences end to end, without padding.
///
/// @param ids the token of each row
/// @param positions the place of each row in its text
/// @param mask what each row sees
public record Batch(int[] ids, int[] positions, AttentionMask mask) {

    public Batch {
        if (ids.length != positions.length || ids.length != mask.rows()) {
            throw new IllegalArgumentException("arrays of different lengths");
        }
    }

    /// One sequence that continues `prefixLength` cached rows.
    public static Batch sequence(int prefixLength, int... ids) {
        int[] positions = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            positions[i] = prefixLength + i;
        }
        return new Batch(ids, positions, AttentionMask.causal(prefixLength, ids.length));
    }

    /// The number of rows.
    public int rows() {
        return ids.length;
    }
}
