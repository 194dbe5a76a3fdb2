package dev.fenlei.lora.search;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/// How much of what a study found depends on each parameter alone: functional ANOVA (Hutter et al. 2014) over a random forest. The
/// forest says what the objective would be everywhere, so it does not matter that samplers look more closely where it is good.
public final class Importance {

    /// Fewer complete trials say nothing.
    public static final int MIN_TRIALS = 8;

    private static final int TREES = 64;
    private static final long SEED = 0;

    private Importance() {}

    /// The parameters' shares, which add up to 1, the most important first.
    ///
    /// @return empty if there are too few complete trials, or they are all alike
    public static Map<String, Double> of(StudyState study) {
        List<Trial> trials = study.trials(TrialState.COMPLETE).stream().filter(trial -> trial.value() != null).toList();
        if (trials.size() < MIN_TRIALS) {
            return Map.of();
        }
        List<String> names = trials.getLast().distributions().keySet().stream()
                .filter(name -> trials.stream().allMatch(trial -> trial.parameters().containsKey(name)))
                .filter(name -> !distribution(trials.getLast(), name).single())
                .toList();
        if (names.isEmpty()) {
            return Map.of();
        }
        double[][] points = trials.stream().map(trial -> point(trial, names, trials.getLast()))
                .toArray(double[][]::new);
        double[] values = trials.stream().map(Trial::value).mapToDouble(Double::doubleValue).toArray();
        double[] shares = shares(points, values);
        Map<String, Double> byName = new LinkedHashMap<>();
        double sum = 0;
        for (double share : shares) {
            sum += share;
        }
        for (int i = 0; i < shares.length && sum > 0; i++) {
            byName.put(names.get(i), shares[i] / sum);
        }
        Map<String, Double> sorted = new LinkedHashMap<>();
        byName.entrySet().stream()
                .sorted(Map.Entry.<String, Double>comparingByValue().reversed())
                .forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
        return sorted;
    }

    private static double[] shares(double[][] points, double[] values) {
        SplittableRandom random = new SplittableRandom(SEED);
        double[] shares = new double[points[0].length];
        for (int i = 0; i < TREES; i++) {
            int[] rows = random.ints(points.length, 0, points.length).toArray();
            RegressionTree tree = new RegressionTree(points, values, rows);
            double variance = tree.variance();
            for (int d = 0; d < shares.length && variance > 0; d++) {
                shares[d] += tree.variance(d) / variance / TREES;
            }
        }
        return shares;
    }

    /// A trial's place in the unit cube that the distributions of the latest trial span.
    private static double[] point(Trial trial, List<String> names, Trial latest) {
        double[] point = new double[names.size()];
        for (int d = 0; d < point.length; d++) {
            double value = trial.parameters().getOrDefault(names.get(d), 0.0);
            double share = switch (distribution(latest, names.get(d))) {
                case RangeDistribution range -> (range.coordinate(value) - range.lowest())
                        / (range.highest() - range.lowest());
                case CategoricalDistribution categorical -> (value + 0.5) / categorical.choices().size();
            };
            point[d] = Math.clamp(share, 0.0, 1.0);
        }
        return point;
    }

    private static Distribution distribution(Trial trial, String name) {
        Distribution distribution = trial.distributions().get(name);
        if (distribution == null) {
            throw new IllegalStateException("no distribution of " + name);
        }
        return distribution;
    }
}
