package dev.fenlei.lora.run;

import java.time.Duration;

/// When a fine-tuning validates, saves and ends.
///
/// @param evalSteps steps between validations; 0 validates at the end of every epoch
/// @param saveSteps steps between checkpoints; 0 goes by time
/// @param saveInterval time between checkpoints, if not by steps
/// @param keep how many of the newest checkpoints stay; the best stays anyway
/// @param metric which adapter is best
/// @param patience validations in a row without a better one that end the training; 0 never ends it early
public record RunPlan(
        int evalSteps, int saveSteps, Duration saveInterval, int keep, ValidationMetric metric, int patience) {

    /// Validation after every epoch, a checkpoint every five minutes, two of them kept, the best by macro F1, no early end.
    public static final RunPlan DEFAULT = new RunPlan(0, 0, Duration.ofMinutes(5), 2, ValidationMetric.MACRO_F1, 0);

    public RunPlan {
        require(evalSteps >= 0, "the steps between validations must not be negative");
        require(saveSteps >= 0, "the steps between checkpoints must not be negative");
        require(keep >= 1, "at least 1 checkpoint must be kept");
        require(patience >= 0, "the patience must not be negative");
    }

    /// Whether to validate after a step, which need not be the last.
    boolean validatesAfter(int step, int stepsPerEpoch) {
        return step % (evalSteps > 0 ? evalSteps : stepsPerEpoch) == 0;
    }

    /// Whether to save after a step.
    boolean savesAfter(int step, Duration sinceLast) {
        return saveSteps > 0 ? step % saveSteps == 0 : sinceLast.compareTo(saveInterval) >= 0;
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
