package dev.fenlei.engine.compute;

import java.util.Arrays;

/// Which keys each row of a packed batch sees.
///
/// Every row sees the first [#prefixLength()] rows of the prefix, if there is one. A *linear* row then sees the rows of its
/// own sequence up to and including itself. A *tree* row (a node of a token trie that follows a sequence) sees the linear
/// rows of its sequence, its ancestors in the tree and itself, so that many continuations of one text are computed in one pass.
///
/// The rows of a sequence are contiguous: linear rows first, tree rows after them, parents before children.
///
/// @param prefixLength the number of rows of the prefix that every row sees
/// @param sequenceStart for each row, the first row of its sequence
/// @param linearEnd for each row, the end (exclusive) of the linear rows it sees: the row itself plus 1 for a linear row,
///     the end of its sequence's linear rows for a tree row
/// @param parent for each row, the parent's row for a tree row below another, [#ROOT] for a tree row without parent,
///     [#LINEAR] for a linear row
public record AttentionMask(int prefixLength, int[] sequenceStart, int[] linearEnd, int[] parent) {

    /// In [#parent()]: not a tree row.
    public static final int LINEAR = -1;

    /// In [#parent()]: a tree row whose parent is the last linear row of its sequence.
    public static final int ROOT = -2;

    public AttentionMask {
        if (sequenceStart.length != linearEnd.length || parent.length != linearEnd.length) {
            throw new IllegalArgumentException("arrays of different lengths");
        }
        for (int row = 0; row < parent.length; row++) {
            boolean linear = parent[row] == LINEAR;
            boolean valid = sequenceStart[row] >= 0
                    && sequenceStart[row] <= row
                    && (linear
                            ? linearEnd[row] == row + 1
                            : linearEnd[row] <= row && (parent[row] == ROOT || parent[row] >= linearEnd[row])
                                    && parent[row] < row);
            if (!valid) {
                throw new IllegalArgumentException("row " + row + " has an impossible mask");
            }
        }
    }

    /// Causal attention within sequences that lie end to end.
    ///
    /// @param prefixLength the rows of the prefix that all see, 0 for none
    /// @param lengths the number of rows of each sequence
    public static AttentionMask causal(int prefixLength, int... lengths) {
        int rows = Arrays.stream(lengths).sum();
        int[] start = new int[rows];
        int[] end = new int[rows];
        int[] parent = new int[rows];
        Arrays.fill(parent, LINEAR);
        int row = 0;
        for (int length : lengths) {
            int first = row;
            for (int i = 0; i < length; i++, row++) {
                start[row] = first;
                end[row] = row + 1;
            }
        }
        return new AttentionMask(prefixLength, start, end, parent);
    }

    /// The number of rows of the batch.
    public int rows() {
        return parent.length;
    }

    /// Whether any row is a tree row.
    public boolean hasTree() {
        for (int p : parent) {
            if (p != LINEAR) {
                return true;
            }
        }
        return false;
    }
}
