package dev.fenlei.lora.search;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A regression tree (Breiman et al. 1984) over the unit cube, grown until its leaves are pure, as the boxes of its leaves.
final class RegressionTree {

    /// A box in which the tree has one value.
    private record Leaf(double[] low, double[] high, double value) {

        double volume() {
            double volume = 1;
            for (int d = 0; d < low.length; d++) {
                volume *= high[d] - low[d];
            }
            return volume;
        }
    }

    /// The cut that leaves the smallest sum of squares.
    private record Cut(int dimension, double at, double squares) {}

    private final List<Leaf> leaves = new ArrayList<>();

    /// @param points in the unit cube, [examples × dimensions]
    /// @param values of the function there
    /// @param rows the examples to learn from; one may be there several times
    RegressionTree(double[][] points, double[] values, int[] rows) {
        double[] high = new double[points[0].length];
        Arrays.fill(high, 1);
        grow(points, values, rows, new double[high.length], high);
    }

    private void grow(double[][] points, double[] values, int[] rows, double[] low, double[] high) {
        Cut best = null;
        double mean = Arrays.stream(rows).mapToDouble(row -> values[row]).average().orElse(0);
        boolean pure = Arrays.stream(rows).allMatch(row -> values[row] == values[rows[0]]);
        for (int d = 0; d < low.length && !pure; d++) {
            Cut cut = cut(points, values, rows, d);
            best = cut != null && (best == null || cut.squares() < best.squares()) ? cut : best;
        }
        if (best == null) {
            leaves.add(new Leaf(low, high, mean));
            return;
        }
        int d = best.dimension();
        double at = best.at();
        double[] middleHigh = high.clone();
        double[] middleLow = low.clone();
        middleHigh[d] = at;
        middleLow[d] = at;
        grow(points, values, Arrays.stream(rows).filter(r -> points[r][d] <= at).toArray(), low, middleHigh);
        grow(points, values, Arrays.stream(rows).filter(r -> points[r][d] > at).toArray(), middleLow, high);
    }

    private static @Nullable Cut cut(double[][] points, double[] values, int[] rows, int d) {
        int[] sorted = Arrays.stream(rows)
                .boxed()
                .sorted(Comparator.comparingDouble(row -> points[row][d]))
                .mapToInt(Integer::intValue)
                .toArray();
        double all = Arrays.stream(sorted).mapToDouble(row -> values[row]).sum();
        double left = 0;
        Cut best = null;
        for (int i = 1; i < sorted.length; i++) {
            left += values[sorted[i - 1]];
            double below = points[sorted[i - 1]][d];
            double above = points[sorted[i]][d];
            if (below < above) {
                // The sum of squares of all values is the same for every cut and left out.
                double squares = -left * left / i - (all - left) * (all - left) / (sorted.length - i);
                best = best == null || squares < best.squares() ? new Cut(d, 0.5 * (below + above), squares) : best;
            }
        }
        return best;
    }

    private double mean() {
        return leaves.stream().mapToDouble(leaf -> leaf.volume() * leaf.value()).sum();
    }

    /// The variance of the tree over the cube.
    double variance() {
        double mean = mean();
        return leaves.stream().mapToDouble(leaf -> leaf.volume() * Math.pow(leaf.value() - mean, 2)).sum();
    }

    /// The part of the variance that one dimension has alone: that of the mean over all others (Hutter et al. 2014).
    double variance(int dimension) {
        double mean = mean();
        double[] cuts = leaves.stream().mapToDouble(leaf -> leaf.low()[dimension]).distinct().sorted().toArray();
        double variance = 0;
        for (int i = 0; i < cuts.length; i++) {
            double from = cuts[i];
            double to = i + 1 < cuts.length ? cuts[i + 1] : 1;
            double marginal = leaves.stream()
                    .filter(leaf -> leaf.low()[dimension] <= from && leaf.high()[dimension] >= to)
                    .mapToDouble(leaf -> leaf.value() * leaf.volume()
                            / (leaf.high()[dimension] - leaf.low()[dimension]))
                    .sum();
            variance += (to - from) * Math.pow(marginal - mean, 2);
        }
        return variance;
    }
}
