package dev.fenlei.lora.evaluate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// How good a classifier's probabilities are.
///
/// @param rows            rows with probabilities
/// @param logLoss         mean of `−ln p[true]`, p clipped to [2⁻⁵², 1 − 2⁻⁵²]
/// @param brier           mean over rows of the sum over classes of `(p − onehot)²`, from 0 to 2 (Brier 1950)
/// @param ece             expected calibration error over [#BINS] equal bins (Guo et al. 2017)
/// @param bins            the reliability diagram behind it, by rising confidence
/// @param rocAuc          `[classes]`: area under the ROC curve of each class against the rest, ties half; NaN where a
///                        class has no
///                        or only positives
/// @param rocAucMacro     their plain mean; NaN when one of them is undefined
public record Calibration(
        int rows, double logLoss, double brier, double ece, List<Bin> bins, double[] rocAuc, double rocAucMacro) {

    /// The number of confidence bins; bin b holds confidences in (b/15, (b+1)/15].
    public static final int BINS = 15;

    private static final double EPSILON = 0x1p-52;

    /// The rows of one confidence bin.
    ///
    /// @param confidence their mean highest probability, NaN without rows
    /// @param accuracy   the share of them whose most probable class is right, NaN without rows
    public record Bin(int rows, double confidence, double accuracy) {}

    /// Computes everything.
    ///
    /// @param probabilities `[rows][classes]`, each row a distribution; 0 for classes that were no candidates
    /// @param truth         `[rows]`: the true classes
    /// @throws IllegalArgumentException when there are no rows or they do not fit together
    public static Calibration of(double[][] probabilities, int[] truth) {
        check(probabilities, truth);
        int rows = truth.length;
        double logLoss = 0;
        double brier = 0;
        int[] counts = new int[BINS];
        int[] hits = new int[BINS];
        double[] confidences = new double[BINS];
        for (int row = 0; row < rows; row++) {
            double[] p = probabilities[row];
            logLoss -= Math.log(Math.clamp(p[truth[row]], EPSILON, 1 - EPSILON));
            brier += squaredError(p, truth[row]);
            int best = argmax(p);
            int bin = Math.clamp((int) Math.ceil(p[best] * BINS) - 1, 0, BINS - 1);
            counts[bin]++;
            confidences[bin] += p[best];
            hits[bin] += best == truth[row] ? 1 : 0;
        }
        List<Bin> bins = new ArrayList<>(BINS);
        double ece = 0;
        for (int b = 0; b < BINS; b++) {
            int n = counts[b];
            bins.add(new Bin(n, n == 0 ? Double.NaN : confidences[b] / n, n == 0 ? Double.NaN : (double) hits[b] / n));
            ece += Math.abs(hits[b] - confidences[b]) / rows;
        }
        double[] areas = new double[probabilities[0].length];
        for (int c = 0; c < areas.length; c++) {
            areas[c] = rocAuc(probabilities, truth, c);
        }
        double macro = Arrays.stream(areas).sum() / areas.length;
        return new Calibration(rows, logLoss / rows, brier / rows, ece, List.copyOf(bins), areas, macro);
    }

    /// The class of the largest value, the first on a tie.
    static int argmax(double[] values) {
        int best = 0;
        for (int i = 1; i < values.length; i++) {
            if (values[i] > values[best]) {
                best = i;
            }
        }
        return best;
    }

    static void check(double[][] rows, int[] truth) {
        if (rows.length == 0 || rows.length != truth.length) {
            throw new IllegalArgumentException(rows.length + " rows of probabilities but " + truth.length
                    + " true classes");
        }
        for (int row = 0; row < rows.length; row++) {
            if (rows[row].length != rows[0].length || truth[row] < 0 || truth[row] >= rows[row].length) {
                throw new IllegalArgumentException("Row " + row + " has " + rows[row].length
                        + " classes and the true class "
                        + truth[row] + ", row 0 has " + rows[0].length + " classes");
            }
        }
    }

    private static double squaredError(double[] p, int truth) {
        double sum = 0;
        for (int c = 0; c < p.length; c++) {
            double error = p[c] - (c == truth ? 1 : 0);
            sum += error * error;
        }
        return sum;
    }

    /// The share of (positive, negative) pairs in which the positive scores higher, ties half: Mann-Whitney's U from
    /// ranks.
    private static double rocAuc(double[][] probabilities, int[] truth, int positive) {
        Integer[] order = new Integer[truth.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(probabilities[a][positive], probabilities[b][positive]));
        double wins = 0;
        long negativesBelow = 0;
        long positives = 0;
        for (int start = 0; start < order.length;) {
            double score = probabilities[order[start]][positive];
            long tiedPositives = 0;
            int end = start;
            while (end < order.length && probabilities[order[end]][positive] == score) {
                tiedPositives += truth[order[end]] == positive ? 1 : 0;
                end++;
            }
            long tiedNegatives = end - start - tiedPositives;
            wins += tiedPositives * (negativesBelow + tiedNegatives / 2.0);
            negativesBelow += tiedNegatives;
            positives += tiedPositives;
            start = end;
        }
        return positives == 0 || negativesBelow == 0 ? Double.NaN : wins / ((double) positives * negativesBelow);
    }
}
