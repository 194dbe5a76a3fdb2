package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Checks;
import java.util.Arrays;

/// How the rows of a packed batch are cut for attention: sequences, whose keys are packed together, and blocks of queries.
///
/// Keys are packed in *slots*. The prefix comes first, then each sequence; each starts at a multiple of the vector length.
///
/// @param firstRow for each sequence its first row, and the number of rows at the end
/// @param firstSlot for each sequence the slot of its first key, and the number of slots at the end
/// @param blockQuery for each block its first query, and the number of queries at the end
/// @param blockSequence for each block its sequence
record AttentionLayout(AttentionMask mask, int[] firstRow, int[] firstSlot, int[] blockQuery, int[] blockSequence) {

    /// The most queries of a block.
    static final int BLOCK = 32;

    static AttentionLayout of(AttentionMask mask) {
        int rows = mask.rows();
        int sequences = 0;
        for (int row = 0; row < rows; row++) {
            if (startsSequence(mask, row)) {
                Checks.that(mask.sequenceStart()[row] == row, "row %d is not contiguous with its sequence", row);
                sequences++;
            }
        }
        int[] firstRow = new int[sequences + 1];
        int[] firstSlot = new int[sequences + 1];
        int slot = Lanes.ceil(mask.prefixLength());
        for (int row = 0, sequence = 0; row < rows; row++) {
            if (startsSequence(mask, row)) {
                if (sequence > 0) {
                    slot = Math.addExact(slot, Lanes.ceil(row - firstRow[sequence - 1]));
                }
                firstRow[sequence] = row;
                firstSlot[sequence++] = slot;
            }
        }
        firstRow[sequences] = rows;
        firstSlot[sequences] = sequences == 0 ? slot : slot + Lanes.ceil(rows - firstRow[sequences - 1]);

        int queries = mask.queryCount();
        int[] blockQuery = new int[queries + 1];
        int[] blockSequence = new int[queries];
        int blocks = 0;
        for (int query = 0, sequence = -1; query < queries; query++) {
            boolean another = sequence < 0 || mask.queryRow(query) >= firstRow[sequence + 1];
            while (sequence < 0 || mask.queryRow(query) >= firstRow[sequence + 1]) {
                sequence++;
            }
            if (another || query - blockQuery[blocks - 1] == BLOCK) {
                blockQuery[blocks] = query;
                blockSequence[blocks++] = sequence;
            }
        }
        blockQuery[blocks] = queries;
        return new AttentionLayout(
                mask, firstRow, firstSlot, Arrays.copyOf(blockQuery, blocks + 1), Arrays.copyOf(blockSequence, blocks));
    }

    int sequences() {
        return firstRow.length - 1;
    }

    int blocks() {
        return blockSequence.length;
    }

    int slots() {
        return firstSlot[sequences()];
    }

    private static boolean startsSequence(AttentionMask mask, int row) {
        return row == 0 || mask.sequenceStart()[row] != mask.sequenceStart()[row - 1];
    }
}
