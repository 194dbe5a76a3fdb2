package dev.fenlei.lora.report;

import java.util.Arrays;
import java.util.Random;

/// Whether one classifier is better than another on the same examples, or just luckier.
///
/// @param onlyFirst examples that only the first answered right
/// @param onlySecond examples that only the second answered right
/// @param mcNemar two-sided p-value of McNemar's exact test: such a split or a more uneven one, if both were alike
/// @param mcNemarMidP the same with half of the probability of the split itself, which is less cautious and closer to the nominal
///     level (Fagerland, Lydersen & Laake 2013)
/// @param difference macro F1 of the second less that of the first
/// @param low where the middle 95 % of the differences begin, in samples drawn with replacement (percentile bootstrap, Efron 1979)
/// @param high where they end
/// @param bootstrap two-sided p-value: twice the share of samples on the rarer side of 0, both counts one higher so that it is
///     never 0
public record PairedTest(
        int onlyFirst,
        int onlySecond,
        double mcNemar,
        double mcNemarMidP,
        double difference,
        double low,
        double high,
        double bootstrap) {

    /// Compares.
    ///
    /// @param truth the true classes
    /// @param first the answers of the first classifier; -1 for one that is no class
    /// @param second those of the second
    /// @param classes the number of classes
    /// @param samples of the bootstrap
    public static PairedTest of(int[] truth, int[] first, int[] second, int classes, int samples, long seed) {
        if (truth.length == 0 || truth.length != first.length || truth.length != second.length) {
            throw new IllegalArgumentException("Not as many answers as examples, or none");
        }
        int onlyFirst = 0;
        int onlySecond = 0;
        for (int i = 0; i < truth.length; i++) {
            boolean a = truth[i] == first[i];
            boolean b = truth[i] == second[i];
            onlyFirst += a && !b ? 1 : 0;
            onlySecond += b && !a ? 1 : 0;
        }
        int[] all = new int[truth.length];
        Arrays.setAll(all, i -> i);
        double observed = macroF1(truth, second, all, classes) - macroF1(truth, first, all, classes);

        double[] differences = new double[samples];
        int notAbove = 0;
        int notBelow = 0;
        Random random = new Random(seed); // its sequence is part of its specification
        int[] drawn = new int[truth.length];
        for (int s = 0; s < samples; s++) {
            for (int i = 0; i < drawn.length; i++) {
                drawn[i] = random.nextInt(drawn.length);
            }
            double d = macroF1(truth, second, drawn, classes) - macroF1(truth, first, drawn, classes);
            differences[s] = d;
            notAbove += d <= 0 ? 1 : 0;
            notBelow += d >= 0 ? 1 : 0;
        }
        Arrays.sort(differences);
        double exact = twoSided(onlyFirst, onlySecond, 0);
        return new PairedTest(
                onlyFirst,
                onlySecond,
                exact,
                twoSided(onlyFirst, onlySecond, 0.5),
                observed,
                quantile(differences, 0.025),
                quantile(differences, 0.975),
                Math.min(1, 2.0 * (Math.min(notAbove, notBelow) + 1) / (samples + 1)));
    }

    /// `2·P(X ≤ min) − 2·less·P(X = min)` for X ~ Binomial(a + b, ½), at most 1.
    private static double twoSided(int a, int b, double less) {
        int n = a + b;
        int least = Math.min(a, b);
        double[] logFactorial = new double[n + 1];
        for (int i = 1; i <= n; i++) {
            logFactorial[i] = logFactorial[i - 1] + Math.log(i);
        }
        double sum = 0;
        double last = 0;
        for (int k = 0; k <= least; k++) {
            last = Math.exp(logFactorial[n] - logFactorial[k] - logFactorial[n - k] - n * Math.log(2));
            sum += last;
        }
        return Math.min(1, 2 * sum - 2 * less * last);
    }

    private static double macroF1(int[] truth, int[] answers, int[] rows, int classes) {
        int[] hits = new int[classes];
        int[] sizes = new int[classes]; // rows that are or were called so, which is the denominator of F1
        for (int row : rows) {
            sizes[truth[row]]++;
            if (answers[row] >= 0) {
                sizes[answers[row]]++;
                hits[answers[row]] += truth[row] == answers[row] ? 1 : 0;
            }
        }
        double sum = 0;
        for (int c = 0; c < classes; c++) {
            sum += sizes[c] == 0 ? 0 : 2.0 * hits[c] / sizes[c];
        }
        return sum / classes;
    }

    private static double quantile(double[] sorted, double share) {
        return sorted[(int) Math.min(sorted.length - 1L, Math.round(share * (sorted.length - 1)))];
    }
}
