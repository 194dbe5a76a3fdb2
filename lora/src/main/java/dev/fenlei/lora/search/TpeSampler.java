package dev.fenlei.lora.search;

import dev.fenlei.engine.compute.Philox;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/// The tree-structured Parzen estimator (Bergstra et al. 2011), multivariate, as Optuna 5 has it by default.
///
/// The first trials are random. Then the best tenth, but no more than 25, give a density l, all others a density g
/// ([ParzenEstimator]); of 24 points drawn from l that with the largest l/g is tried. Trials that others are running count among
/// the others, so that processes that share a study do not all try the same.
public final class TpeSampler implements Sampler {

    /// Random trials at the beginning, unless said otherwise.
    public static final int STARTUP_TRIALS = 10;

    private static final int CANDIDATES = 24;
    private static final double GOOD_SHARE = 0.1;
    private static final int MOST_GOOD = 25;

    /// The trials in two parts, each in the order of their numbers.
    record Split(List<Trial> good, List<Trial> others) {}

    private final long seed;
    private final int startupTrials;

    /// @param startupTrials how many trials are to have ended before densities are believed
    public TpeSampler(long seed, int startupTrials) {
        if (startupTrials < 1) {
            throw new IllegalArgumentException("there must be at least 1 random trial, not " + startupTrials);
        }
        this.seed = seed;
        this.startupTrials = startupTrials;
    }

    @Override
    public Optional<Map<String, Double>> sample(SearchSpace space, StudyState study, int number) {
        SplittableRandom random = new SplittableRandom(Philox.mix(seed, number));
        Map<String, Double> point = space.uniform(random);
        Split split = split(study);
        long ended = study.trials().stream().filter(TpeSampler::ended).count();
        Map<String, Distribution> free = new LinkedHashMap<>(space.distributions());
        free.values().removeIf(Distribution::single);
        if (ended < startupTrials || free.isEmpty()) {
            return Optional.of(point);
        }
        ParzenEstimator l = estimator(free, split.good());
        ParzenEstimator g = estimator(free, split.others());
        Map<String, Double> best = Map.of();
        double greatest = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < CANDIDATES; i++) {
            Map<String, Double> candidate = l.sample(random);
            double gain = l.logDensity(candidate) - g.logDensity(candidate);
            if (best.isEmpty() || gain > greatest) {
                best = candidate;
                greatest = gain;
            }
        }
        point.putAll(best);
        return Optional.of(point);
    }

    private static boolean ended(Trial trial) {
        return trial.state() == TrialState.COMPLETE || trial.state() == TrialState.PRUNED;
    }

    /// The density of those trials that have all the parameters.
    static ParzenEstimator estimator(Map<String, Distribution> space, List<Trial> trials) {
        List<Map<String, Double>> observations = trials.stream()
                .map(Trial::parameters)
                .filter(parameters -> parameters.keySet().containsAll(space.keySet()))
                .toList();
        return new ParzenEstimator(space, observations);
    }

    /// The good trials and the others: complete ones by their values, then pruned ones, those that got further and were better
    /// there first. Failed ones are in neither.
    static Split split(StudyState study) {
        List<Trial> ranked = new ArrayList<>(study.trials(TrialState.COMPLETE));
        ranked.sort((a, b) -> study.direction().compare(valueOf(a), valueOf(b)));
        List<Trial> pruned = new ArrayList<>(study.trials(TrialState.PRUNED));
        pruned.sort(Comparator.comparingInt((Trial trial) -> trial.intermediate().isEmpty() ? 1 : -lastStep(trial))
                .thenComparing((a, b) -> study.direction().compare(lastValue(a), lastValue(b))));
        ranked.addAll(pruned);
        int good = Math.min((int) Math.ceil(GOOD_SHARE * ranked.size()), MOST_GOOD);
        List<Trial> others = new ArrayList<>(ranked.subList(good, ranked.size()));
        others.addAll(study.trials(TrialState.RUNNING));
        return new Split(byNumber(ranked.subList(0, good)), byNumber(others));
    }

    private static List<Trial> byNumber(List<Trial> trials) {
        return trials.stream().sorted(Comparator.comparingInt(Trial::number)).toList();
    }

    private static double valueOf(Trial trial) {
        return trial.value() == null ? Double.NaN : trial.value();
    }

    private static int lastStep(Trial trial) {
        return trial.intermediate().lastKey();
    }

    private static double lastValue(Trial trial) {
        return trial.intermediate().isEmpty() ? 0 : trial.intermediate().lastEntry().getValue();
    }
}
