package dev.fenlei.tokenizer;

import java.util.Arrays;

/// Byte-pair encoding: as long as a pair of neighbours is in the table, the one of the lowest rank becomes one symbol, the
/// leftmost of several.
///
/// A few symbols are searched anew for every merge, which takes quadratic time but beats any bookkeeping; many are kept
/// in a linked list with a heap of the pairs, so that n symbols take O(n log n).
final class BpeMerger {

    private static final int FEW = 96;

    private final PairTable pairs;

    BpeMerger(PairTable pairs) {
        this.pairs = pairs;
    }

    /// The memory of one call of the encoder.
    static final class Work {
        int[] symbols = new int[FEW];
        private int[] ranks = new int[FEW];
        private int[] results = new int[FEW];
        private int[] next = {};
        private int[] previous = {};

        /// Makes room for so many symbols, and keeps those that are there.
        void reserve(int count) {
            if (symbols.length < count) {
                symbols = Arrays.copyOf(symbols, Math.max(count, Math.multiplyExact(symbols.length, 2)));
            }
        }

        private void reserveRanks() {
            if (ranks.length < symbols.length) {
                ranks = new int[symbols.length];
                results = new int[symbols.length];
            }
        }

        private void reserveLinks() {
            if (next.length < symbols.length) {
                next = new int[symbols.length];
                previous = new int[symbols.length];
            }
        }
    }

    /// Merges the first `count` of the symbols in place and returns how many are left.
    int merge(Work work, int count) {
        work.reserveRanks();
        for (int i = 0; i + 1 < count; i++) {
            rate(work, i, i + 1);
        }
        if (count <= FEW) {
            return mergeFew(work, count);
        }
        work.reserveLinks();
        return mergeMany(work, count);
    }

    /// Looks up the pair that begins at this place.
    private void rate(Work work, int at, int next) {
        long entry = pairs.get(work.symbols[at], work.symbols[next]);
        work.ranks[at] = PairTable.rank(entry);
        work.results[at] = PairTable.result(entry);
    }

    private int mergeFew(Work work, int initialCount) {
        int count = initialCount;
        int[] symbols = work.symbols;
        int[] ranks = work.ranks;
        while (true) {
            int best = PairTable.NO_RANK;
            int at = -1;
            for (int i = 0; i + 1 < count; i++) {
                if (ranks[i] < best) {
                    best = ranks[i];
                    at = i;
                }
            }
            if (at < 0) {
                return count;
            }
            symbols[at] = work.results[at];
            count--;
            int moved = count - at - 1;
            System.arraycopy(symbols, at + 2, symbols, at + 1, moved);
            if (moved > 0) {
                System.arraycopy(ranks, at + 2, ranks, at + 1, moved - 1);
                System.arraycopy(work.results, at + 2, work.results, at + 1, moved - 1);
                rate(work, at, at + 1);
            }
            if (at > 0) {
                rate(work, at - 1, at);
            }
        }
    }

    private int mergeMany(Work work, int count) {
        int[] symbols = work.symbols;
        int[] ranks = work.ranks;
        int[] next = work.next;
        int[] previous = work.previous;
        MinHeap heap = new MinHeap(count);
        for (int i = 0; i < count; i++) {
            next[i] = i + 1;
            previous[i] = i - 1;
            if (i + 1 < count && ranks[i] != PairTable.NO_RANK) {
                heap.append(entry(ranks[i], i));
            }
        }
        ranks[count - 1] = PairTable.NO_RANK;
        heap.order();
        while (!heap.isEmpty()) {
            long top = heap.removeLeast();
            int at = (int) top;
            // Other merges may have changed the pair or swallowed its first symbol since.
            if (ranks[at] != (int) (top >>> 32)) {
                continue;
            }
            int swallowed = next[at];
            int after = next[swallowed];
            symbols[at] = work.results[at];
            ranks[swallowed] = PairTable.NO_RANK;
            next[at] = after;
            if (after < count) {
                previous[after] = at;
                rate(work, at, after);
                offer(heap, ranks[at], at);
            } else {
                ranks[at] = PairTable.NO_RANK;
            }
            int before = previous[at];
            if (before >= 0) {
                rate(work, before, at);
                offer(heap, ranks[before], before);
            }
        }
        int left = 0;
        for (int i = 0; i < count; i = next[i]) {
            symbols[left++] = symbols[i];
        }
        return left;
    }

    private static void offer(MinHeap heap, int rank, int at) {
        if (rank != PairTable.NO_RANK) {
            heap.add(entry(rank, at));
        }
    }

    private static long entry(int rank, int at) {
        return (long) rank << 32 | at;
    }
}
