package dev.fenlei.tokenizer;

import java.util.Arrays;

/// Which pairs of adjacent symbols become one, in which order, and what they become: a hash table of numbers with open
/// addressing, because encoding does little else than look into it.
final class PairTable {

    /// The rank of a pair that does not merge.
    static final int NO_RANK = Integer.MAX_VALUE;

    private static final long ABSENT = (long) NO_RANK << 32;
    private static final long EMPTY = -1;

    /// Keys and values alternate, so that both lie in one cache line.
    private long[] table;
    private int size;

    PairTable(int expectedSize) {
        table = emptyTable(Math.max(8, Integer.highestOneBit(Math.max(1, expectedSize)) << 2));
    }

    private static long[] emptyTable(int slots) {
        long[] table = new long[Math.multiplyExact(slots, 2)];
        Arrays.fill(table, EMPTY);
        return table;
    }

    /// Pairs of a lower rank merge earlier. A pair that is there already gets the new rank and result.
    void put(int left, int right, int rank, int result) {
        if (size >= table.length >> 2) {
            grow();
        }
        long key = key(left, right);
        int slot = slotOf(key);
        if (table[slot] == EMPTY) {
            size++;
        }
        table[slot] = key;
        table[slot + 1] = (long) rank << 32 | result;
    }

    private void grow() {
        long[] old = table;
        table = emptyTable(old.length);
        for (int i = 0; i < old.length; i += 2) {
            if (old[i] != EMPTY) {
                int slot = slotOf(old[i]);
                table[slot] = old[i];
                table[slot + 1] = old[i + 1];
            }
        }
    }

    /// Rank and result of a pair, for [#rank] and [#result].
    long get(int left, int right) {
        long key = key(left, right);
        int slot = slotOf(key);
        return table[slot] == key ? table[slot + 1] : ABSENT;
    }

    static int rank(long entry) {
        return (int) (entry >>> 32);
    }

    static int result(long entry) {
        return (int) entry;
    }

    private static long key(int left, int right) {
        return (long) left << 32 | right;
    }

    private int slotOf(long key) {
        int mask = table.length - 1;
        // The high bits of the product depend on all bits of the key.
        int slot = (int) (key * 0x9E3779B97F4A7C15L >>> 32) << 1 & mask;
        while (table[slot] != key && table[slot] != EMPTY) {
            slot = slot + 2 & mask;
        }
        return slot;
    }
}
