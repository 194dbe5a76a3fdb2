package dev.fenlei.lora.search;

import java.nio.charset.StandardCharsets;
import java.util.OptionalInt;
import java.util.zip.CRC32;

/// Hyperband (Li et al. 2018) as Optuna has it: brackets of successive halving that differ in when they begin to prune. The CRC-32
/// of a trial's name says in which it is, the more likely the more trials a bracket needs; it competes with those in the same.
///
/// @param minResource steps before anything is given up
/// @param maxResource steps of a whole trial; 0 takes it from the first complete one, and gives up nothing before
/// @param reductionFactor at each rung about one in so many goes on
public record HyperbandPruner(int minResource, int maxResource, int reductionFactor) implements Pruner {

    /// Optuna's own.
    public static final int REDUCTION_FACTOR = 3;

    public HyperbandPruner {
        if (minResource < 1 || maxResource < 0 || reductionFactor < 2) {
            throw new IllegalArgumentException(
                    "at least 1 step, no negative number of steps, and a reduction of at least 2");
        }
    }

    @Override
    public Verdict judge(StudyState study, Trial trial) {
        OptionalInt resource = resource(study);
        if (resource.isEmpty()) {
            return Verdict.GO_ON;
        }
        int brackets = brackets(resource.getAsInt());
        int bracket = bracket(study.name(), trial.number(), brackets);
        return new SuccessiveHalvingPruner(minResource, reductionFactor, bracket).judge(
                study.withTrials(study.trials().stream()
                        .filter(other -> bracket(study.name(), other.number(), brackets) == bracket)
                        .toList()),
                trial);
    }

    private OptionalInt resource(StudyState study) {
        if (maxResource > 0) {
            return OptionalInt.of(maxResource);
        }
        return study.trials(TrialState.COMPLETE).stream()
                .filter(trial -> !trial.intermediate().isEmpty())
                .limit(1)
                .mapToInt(trial -> trial.intermediate().lastKey() + 1)
                .findFirst();
    }

    private int brackets(int resource) {
        return (int) Math.floor(Math.log((double) resource / minResource) / Math.log(reductionFactor)) + 1;
    }

    int bracket(String study, int number, int brackets) {
        CRC32 crc = new CRC32();
        crc.update((study + "_" + number).getBytes(StandardCharsets.UTF_8));
        long total = 0;
        for (int i = 0; i < brackets; i++) {
            total += budget(i, brackets);
        }
        long place = crc.getValue() % total;
        for (int i = 0; i < brackets; i++) {
            place -= budget(i, brackets);
            if (place < 0) {
                return i;
            }
        }
        throw new IllegalStateException("no bracket");
    }

    /// How many trials a bracket needs, compared with the others.
    private long budget(int bracket, int brackets) {
        int s = brackets - 1 - bracket;
        return (long) Math.ceil(brackets * Math.pow(reductionFactor, s) / (s + 1));
    }
}
