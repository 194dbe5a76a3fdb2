package dev.fenlei.engine.compute;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Which keys each row of a packed batch sees.
///
/// Every row sees the first [#prefixLength()] rows of the prefix, if there is one. A *linear* row then sees the rows of its
/// own sequence up to and including itself. A *tree* row (a node of a token trie that follows a sequence) sees the linear
/// rows of its sequence, its ancestors in the tree and itself, so that many continuations of one text are computed in one pass.
///
/// The rows of a sequence are contiguous: linear rows first, tree rows after them, parents before children.
///
/// A *window* leaves of all these only the last ones, the row itself included: in a causal sequence key `j` is seen by row `i`
/// when `i − j < window`, as in Mistral (Jiang et al. 2023) and `transformers`.
///
/// @param prefixLength the number of rows of the prefix that every row sees
/// @param sequenceStart for each row, the first row of its sequence
/// @param linearEnd for each row, the end (exclusive) of the linear rows it sees: the row itself plus 1 for a linear row,
///     the end of its sequence's linear rows for a tree row
/// @param parent for each row, the parent's row for a tree row below another, [#ROOT] for a tree row without parent,
///     [#LINEAR] for a linear row
/// @param window how many keys a row sees at most, [#UNLIMITED] for all
/// @param queries the rows that have a query, ascending; null for all. The others are only seen.
public record AttentionMask(
        int prefixLength, int[] sequenceStart, int[] linearEnd, int[] parent, int window, int @Nullable [] queries) {

    /// In [#parent()]: not a tree row.
    public static final int LINEAR = -1;

    /// In [#parent()]: a tree row whose parent is the last linear row of its sequence.
    public static final int ROOT = -2;

    /// In [#window()]: every row sees all that comes before it.
    public static final int UNLIMITED = Integer.MAX_VALUE;

    public AttentionMask {
        if (window < 1) {
            throw new IllegalArgumentException("a window of " + window + " rows");
        }
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
        for (int i = 0; queries != null && i < queries.length; i++) {
            if (queries[i] < (i == 0 ? 0 : queries[i - 1] + 1) || queries[i] >= parent.length) {
                throw new IllegalArgumentException("queries are not ascending rows: " + Arrays.toString(queries));
            }
        }
    }

    /// Without a window, every row with a query.
    public AttentionMask(int prefixLength, int[] sequenceStart, int[] linearEnd, int[] parent) {
        this(prefixLength, sequenceStart, linearEnd, parent, UNLIMITED, null);
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

    /// The same rows, of which each sees at most the last `limit` of the keys that it sees without a window.
    public AttentionMask within(int limit) {
        return limit == window
                ? this
                : new AttentionMask(prefixLength, sequenceStart, linearEnd, parent, limit, queries);
    }

    /// The same rows, of which only some have a query.
    ///
    /// @param rows ascending; null for all
    public AttentionMask withQueries(int @Nullable [] rows) {
        return Arrays.equals(rows, queries)
                ? this
                : new AttentionMask(prefixLength, sequenceStart, linearEnd, parent, window, rows);
    }

    /// The number of queries.
    public int queryCount() {
        return queries == null ? rows() : queries.length;
    }

    /// The row of a query.
    public int queryRow(int query) {
        return queries == null ? query : queries[query];
    }

    /// The first row of the prefix that a row sees; [#prefixLength()] if it sees none.
    public int prefixStart(int row) {
        return Math.min(prefixLength, outside(row));
    }

    /// The first linear row that a row sees; its [#linearEnd()] if it sees none.
    public int linearStart(int row) {
        return Math.min(linearEnd[row], sequenceStart[row] + Math.max(0, outside(row) - prefixLength));
    }

    /// The number of tree rows that a row sees: itself and its nearest ancestors; 0 for a linear row.
    public int treeRows(int row) {
        return Math.min(treeDepth(row), window);
    }

    private int treeDepth(int row) {
        int depth = 0;
        for (int node = row; node >= 0 && parent[node] != LINEAR; node = parent[node]) {
            depth++;
        }
        return depth;
    }

    /// How many of the keys that a row would see without a window lie before it.
    private int outside(int row) {
        if (window == UNLIMITED) {
            return 0;
        }
        return Math.max(0, prefixLength + linearEnd[row] - sequenceStart[row] + treeDepth(row) - window);
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
