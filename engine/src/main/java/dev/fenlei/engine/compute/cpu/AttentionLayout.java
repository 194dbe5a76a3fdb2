package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;

/// How the rows of a packed batch are cut for attention: sequences, whose keys are packed together, and blocks of queries.
///
/// Keys are packed in *slots*. The prefix comes first, then each sequence; each starts at a multiple of the vector length.
///
/// @param firstRow for each sequence its first row, and the number of rows at the end
/// @param firstSlot for each sequence the slot of its first key, and the number of slots at the end
/// @param blockRow for each block its first row
/// @param blockSequence for each block its sequence
record AttentionLayout(AttentionMask mask, int[] firstRow, int[] firstSlot, int[] blockRow, int[] blockSequence) {

    /// Rows of a block of queries.
    static final int BLOCK = 32;

    static AttentionLayout of(AttentionMask mask) {
        int rows = mask.rows();
        int sequences = 0;
        int blocks = 0;
        for (int row = 0, first = 0; row < rows; row++) {
            if (startsSequence(mask, row)) {
                Checks.that(mask.sequenceStart()[row] == row, "row %d is not contiguous with its sequence", row);
                first = row;
                sequences++;
            }
            if ((row - first) % BLOCK == 0) {
                blocks++;
            }
        }
        int[] firstRow = new int[sequences + 1];
        int[] firstSlot = new int[sequences + 1];
        int[] blockRow = new int[blocks];
        int[] blockSequence = new int[blocks];
        int slot = Lanes.ceil(mask.prefixLength());
        for (int row = 0, sequence = -1, block = 0; row < rows; row++) {
            if (startsSequence(mask, row)) {
                if (sequence >= 0) {
                    slot = Math.addExact(slot, Lanes.ceil(row - firstRow[sequence]));
                }
                sequence++;
                firstRow[sequence] = row;
                firstSlot[sequence] = slot;
            }
            if ((row - firstRow[sequence]) % BLOCK == 0) {
                blockRow[block] = row;
                blockSequence[block++] = sequence;
            }
        }
        firstRow[sequences] = rows;
        firstSlot[sequences] = sequences == 0 ? slot : slot + Lanes.ceil(rows - firstRow[sequences - 1]);
        return new AttentionLayout(mask, firstRow, firstSlot, blockRow, blockSequence);
    }

    int sequences() {
        return firstRow.length - 1;
    }

    int blocks() {
        return blockRow.length;
    }

    int slots() {
        return firstSlot[sequences()];
    }

    /// The end (exclusive) of a block's rows.
    int blockEnd(int block) {
        return Math.min(blockRow[block] + BLOCK, firstRow[blockSequence[block] + 1]);
    }

    private static boolean startsSequence(AttentionMask mask, int row) {
        return row == 0 || mask.sequenceStart()[row] != mask.sequenceStart()[row - 1];
    }
}
