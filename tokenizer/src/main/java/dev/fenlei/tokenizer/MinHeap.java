package dev.fenlei.tokenizer;

import java.util.Arrays;

/// A priority queue of numbers. Every node has four children: half as many levels as with two, and the children of a
/// node lie in one cache line.
final class MinHeap {

    private long[] entries;
    private int size;

    MinHeap(int capacity) {
        entries = new long[Math.max(4, capacity)];
    }

    boolean isEmpty() {
        return size == 0;
    }

    /// Adds an entry without ordering; [#order()] must follow.
    void append(long entry) {
        reserve();
        entries[size++] = entry;
    }

    void order() {
        for (int i = (size - 2) >> 2; i >= 0; i--) {
            sink(i, entries[i]);
        }
    }

    void add(long entry) {
        reserve();
        int at = size++;
        while (at > 0) {
            int parent = (at - 1) >> 2;
            if (entries[parent] <= entry) {
                break;
            }
            entries[at] = entries[parent];
            at = parent;
        }
        entries[at] = entry;
    }

    long removeLeast() {
        long least = entries[0];
        size--;
        if (size > 0) {
            sink(0, entries[size]);
        }
        return least;
    }

    private void sink(int from, long entry) {
        int at = from;
        while (true) {
            int first = 4 * at + 1;
            if (first >= size) {
                break;
            }
            int least = first;
            int end = Math.min(first + 4, size);
            for (int child = first + 1; child < end; child++) {
                if (entries[child] < entries[least]) {
                    least = child;
                }
            }
            if (entries[least] >= entry) {
                break;
            }
            entries[at] = entries[least];
            at = least;
        }
        entries[at] = entry;
    }

    private void reserve() {
        if (size == entries.length) {
            entries = Arrays.copyOf(entries, Math.multiplyExact(size, 2));
        }
    }
}
