package dev.fenlei.tokenizer;

import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/// The parts of a text that a template wrote, in which control tokens are meant: ascending, disjoint ranges.
///
/// @param starts where each part begins
/// @param ends where each part ends, exclusive
record Trusted(int[] starts, int[] ends) {

    static final Trusted NOTHING = new Trusted(new int[0], new int[0]);

    static Trusted all(int length) {
        return new Trusted(new int[] {0}, new int[] {length});
    }

    boolean isEmpty() {
        return starts.length == 0;
    }

    /// Whether the range lies within one trusted part.
    boolean contains(int start, int end) {
        int found = Arrays.binarySearch(starts, start);
        int part = found >= 0 ? found : -found - 2;
        return part >= 0 && end <= ends[part];
    }

    /// The trusted parts of a piece of the text, counted from its beginning.
    Trusted within(int start, int end) {
        int[] indices = IntStream.range(0, starts.length)
                .filter(i -> starts[i] < end && ends[i] > start)
                .toArray();
        return new Trusted(
                Arrays.stream(indices).map(i -> Math.max(starts[i], start) - start).toArray(),
                Arrays.stream(indices).map(i -> Math.min(ends[i], end) - start).toArray());
    }

    /// The same parts after a transformation of the text that maps places so.
    Trusted map(IntUnaryOperator place) {
        return new Trusted(
                Arrays.stream(starts).map(place).toArray(), Arrays.stream(ends).map(place).toArray());
    }
}
