package dev.fenlei.lora.search;

import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/// A density over a search space: a mixture of one kernel per observation and one prior kernel over everything, each kernel a
/// product over the parameters (Bergstra et al. 2011; multivariate as in Falkner et al. 2018; widths and weights as in Optuna 5).
///
/// The density of a number is that of its coordinate (see [RangeDistribution]), of a stepped number the probability of its step,
/// of a choice its probability.
final class ParzenEstimator {

    private static final int FULL_WEIGHTS = 25;
    private static final double MOST_KERNELS_IN_RANGE = 100;

    /// The kernels of one parameter; all lists go in the order of the observations, the prior last.
    sealed interface Kernels permits Gaussians, Histograms {
        double logDensity(int kernel, double value);

        double sample(int kernel, RandomGenerator random);
    }

    /// Normal distributions in the coordinate of a range, cut off at its ends.
    record Gaussians(RangeDistribution range, double[] mu, double[] sigma) implements Kernels {

        @Override
        public double logDensity(int kernel, double value) {
            double all = Normal.logMass(z(kernel, range.lowest()), z(kernel, range.highest()));
            if (range.step() == 0) {
                return Normal.logDensity(z(kernel, range.coordinate(value))) - Math.log(sigma[kernel]) - all;
            }
            double half = range.step() / 2;
            return Normal.logMass(z(kernel, range.coordinate(value - half)), z(kernel, range.coordinate(value + half)))
                    - all;
        }

        @Override
        public double sample(int kernel, RandomGenerator random) {
            double z = Normal.truncated(random, z(kernel, range.lowest()), z(kernel, range.highest()));
            return range.value(mu[kernel] + sigma[kernel] * z);
        }

        private double z(int kernel, double coordinate) {
            return (coordinate - mu[kernel]) / sigma[kernel];
        }
    }

    /// Probabilities of the choices.
    record Histograms(double[][] weights) implements Kernels {

        @Override
        public double logDensity(int kernel, double value) {
            return Math.log(weights[kernel][(int) value]);
        }

        @Override
        public double sample(int kernel, RandomGenerator random) {
            return draw(weights[kernel], random);
        }
    }

    private final double[] weights;
    private final Map<String, Kernels> kernels;

    ParzenEstimator(double[] weights, Map<String, Kernels> kernels) {
        this.weights = weights.clone();
        this.kernels = new LinkedHashMap<>(kernels);
    }

    /// @param observations internal values of all parameters, the oldest first
    ParzenEstimator(Map<String, Distribution> space, List<Map<String, Double>> observations) {
        this(weights(observations.size()), new LinkedHashMap<>());
        space.forEach((name, distribution) -> {
            double[] values = observations.stream().mapToDouble(o -> valueOf(o, name)).toArray();
            kernels.put(name, switch (distribution) {
                case RangeDistribution range -> gaussians(range, values);
                case CategoricalDistribution categorical -> histograms(categorical.choices().size(), values);
            });
        });
    }

    private static double valueOf(Map<String, Double> point, String name) {
        Double value = point.get(name);
        if (value == null) {
            throw new IllegalArgumentException("no value of " + name);
        }
        return value;
    }

    double[] weights() {
        return weights.clone();
    }

    Kernels kernels(String name) {
        Kernels found = kernels.get(name);
        if (found == null) {
            throw new IllegalArgumentException("no parameter " + name);
        }
        return found;
    }

    /// One per kernel, less for those older than the last 25; together 1.
    private static double[] weights(int n) {
        double[] weights = new double[n + 1];
        Arrays.fill(weights, 1);
        int ramp = n - FULL_WEIGHTS;
        for (int i = 0; i < ramp; i++) {
            double first = 1.0 / n;
            weights[i] = ramp == 1 ? first : first + (1 - first) * i / (ramp - 1);
        }
        double sum = Arrays.stream(weights).sum();
        Arrays.setAll(weights, i -> weights[i] / sum);
        return weights;
    }

    /// The width of a kernel is the larger gap to its neighbours; at the ends of the row, the only one. Of equal observations the
    /// older counts as the lower one; Optuna leaves that to an unstable sort.
    private static Gaussians gaussians(RangeDistribution range, double[] values) {
        int n = values.length;
        double low = range.lowest();
        double high = range.highest();
        double[] mu = new double[n + 1];
        double[] sigma = new double[n + 1];
        Arrays.setAll(mu, i -> i < n ? range.coordinate(values[i]) : 0.5 * (low + high));
        int[] order = IntStream.range(0, n)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> mu[i]))
                .mapToInt(Integer::intValue)
                .toArray();
        double least = (high - low) / Math.min(MOST_KERNELS_IN_RANGE, n + 2.0);
        for (int i = 0; i < n; i++) {
            double here = mu[order[i]];
            double below = here - (i > 0 ? mu[order[i - 1]] : low);
            double above = (i < n - 1 ? mu[order[i + 1]] : high) - here;
            double gap = n == 1 ? Math.max(below, above) : i == 0 ? above : i == n - 1 ? below : Math.max(below, above);
            sigma[order[i]] = Math.clamp(gap, least, high - low);
        }
        sigma[n] = high - low;
        return new Gaussians(range, mu, sigma);
    }

    private static Histograms histograms(int choices, double[] values) {
        int n = values.length;
        double[][] weights = new double[n + 1][choices];
        for (int i = 0; i <= n; i++) {
            double prior = n == 0 ? 1 : 1.0 / (n + 1);
            double sum = prior * choices + (i < n ? 1 : 0);
            Arrays.fill(weights[i], prior / sum);
            if (i < n) {
                weights[i][(int) values[i]] = (prior + 1) / sum;
            }
        }
        return new Histograms(weights);
    }

    /// The logarithm of the density at a point.
    double logDensity(Map<String, Double> point) {
        double[] logs = new double[weights.length];
        double greatest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < logs.length; i++) {
            logs[i] = Math.log(weights[i]);
            for (Map.Entry<String, Kernels> parameter : kernels.entrySet()) {
                logs[i] += parameter.getValue().logDensity(i, valueOf(point, parameter.getKey()));
            }
            greatest = Math.max(greatest, logs[i]);
        }
        if (greatest == Double.NEGATIVE_INFINITY) {
            return greatest;
        }
        double sum = 0;
        for (double log : logs) {
            sum += Math.exp(log - greatest);
        }
        return greatest + Math.log(sum);
    }

    /// A point drawn from the density.
    Map<String, Double> sample(RandomGenerator random) {
        int kernel = draw(weights, random);
        Map<String, Double> point = new LinkedHashMap<>();
        kernels.forEach((name, each) -> point.put(name, each.sample(kernel, random)));
        return point;
    }

    private static int draw(double[] probabilities, RandomGenerator random) {
        double rest = random.nextDouble();
        for (int i = 0; i < probabilities.length - 1; i++) {
            rest -= probabilities[i];
            if (rest < 0) {
                return i;
            }
        }
        return probabilities.length - 1;
    }
}
