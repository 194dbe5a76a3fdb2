package dev.fenlei.lora.search;

/// Gives up a trial whose best report so far is worse than the median of what complete trials reported at the same step
/// (the median stopping rule of Golovin et al. 2017, as Optuna has it).
///
/// @param startupTrials how many trials must be complete before one is given up
/// @param warmupSteps steps that are not judged
public record MedianPruner(int startupTrials, int warmupSteps) implements Pruner {

    /// Complete trials to wait for, unless said otherwise.
    public static final int STARTUP_TRIALS = 5;

    public MedianPruner {
        if (startupTrials < 1 || warmupSteps < 0) {
            throw new IllegalArgumentException("at least 1 trial to begin with, and no negative number of steps");
        }
    }

    @Override
    public Verdict judge(StudyState study, Trial trial) {
        var complete = study.trials(TrialState.COMPLETE);
        Integer step = trial.lastStep();
        if (complete.size() < startupTrials || step == null || step < warmupSteps) {
            return Verdict.GO_ON;
        }
        double best = trial.intermediate().values().stream().min(study.direction()::compare).orElse(Double.NaN);
        if (Double.isNaN(best)) {
            return Verdict.PRUNE;
        }
        double[] others = complete.stream()
                .map(Trial::intermediate)
                .filter(reports -> reports.containsKey(step))
                .mapToDouble(reports -> reports.get(step))
                .filter(value -> !Double.isNaN(value))
                .sorted()
                .toArray();
        return Verdict.of(others.length > 0 && study.direction().better(median(others), best));
    }

    private static double median(double[] sorted) {
        int half = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[half] : 0.5 * (sorted[half - 1] + sorted[half]);
    }
}
