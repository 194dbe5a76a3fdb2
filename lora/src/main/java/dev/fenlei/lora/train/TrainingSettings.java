package dev.fenlei.lora.train;

import dev.fenlei.engine.model.Parameter;
import org.jspecify.annotations.Nullable;

/// How to train.
///
/// @param epochs passes over the data
/// @param batchSize examples that go through the model together
/// @param accumulation batches whose gradients make one optimizer step
/// @param learningRate the rate at its highest
/// @param schedule its course
/// @param warmupSteps optimizer steps in which it rises from 0
/// @param weightDecay of matrices; biases and norms are left alone
/// @param beta1 decay of the first moment
/// @param beta2 decay of the second moment
/// @param epsilon added to the root of the second moment
/// @param maxGradNorm the gradient norm is clipped to this; 0 does not clip
/// @param seed of the order of the examples and of dropout
/// @param shuffle whether every epoch has an order of its own
/// @param checkpointing whether activations are computed again in the backward pass to save memory
/// @param maxSteps stops after so many optimizer steps; 0 for all epochs
/// @param loraPlus rates of their own for some parameters; null for one rate for all
public record TrainingSettings(
        int epochs,
        int batchSize,
        int accumulation,
        double learningRate,
        Schedule schedule,
        int warmupSteps,
        double weightDecay,
        double beta1,
        double beta2,
        double epsilon,
        double maxGradNorm,
        long seed,
        boolean shuffle,
        boolean checkpointing,
        int maxSteps,
        @Nullable LoraPlus loraPlus) {

    public TrainingSettings {
        require(epochs >= 1, "epochs must be at least 1");
        require(batchSize >= 1, "the batch size must be at least 1");
        require(accumulation >= 1, "gradient accumulation must be at least 1");
        require(learningRate >= 0 && Double.isFinite(learningRate), "the learning rate must not be negative");
        require(warmupSteps >= 0, "warm-up steps must not be negative");
        require(weightDecay >= 0, "weight decay must not be negative");
        require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, "betas must lie between 0 and 1");
        require(epsilon > 0, "epsilon must be positive");
        require(maxGradNorm >= 0, "the greatest gradient norm must not be negative");
        require(maxSteps >= 0, "max steps must not be negative");
    }

    /// The settings of the reference recipe with these numbers: AdamW 0.9/0.999/1e-8, linear schedule, clipping at 1.
    public static TrainingSettings of(int epochs, int batchSize, int accumulation, double learningRate, long seed) {
        return new TrainingSettings(
                epochs, batchSize, accumulation, learningRate, Schedule.LINEAR, 0, 0, 0.9, 0.999, 1e-8, 1, seed, true,
                false, 0, null);
    }

    /// The same settings with the learning rates of LoRA+.
    public TrainingSettings with(LoraPlus rates) {
        return new TrainingSettings(
                epochs, batchSize, accumulation, learningRate, schedule, warmupSteps, weightDecay, beta1, beta2,
                epsilon,
                maxGradNorm, seed, shuffle, checkpointing, maxSteps, rates);
    }

    /// The learning rate of a parameter at its highest.
    double rate(Parameter parameter) {
        return loraPlus == null ? learningRate : loraPlus.rate(parameter, learningRate);
    }

    /// The number of optimizer steps for a number of examples: the last window of an epoch may be shorter.
    public int totalSteps(int examples) {
        int steps = Math.multiplyExact(stepsPerEpoch(examples), epochs);
        return maxSteps > 0 ? Math.min(maxSteps, steps) : steps;
    }

    /// The number of optimizer steps in one epoch over a number of examples.
    public int stepsPerEpoch(int examples) {
        int batches = (examples + batchSize - 1) / batchSize;
        return (batches + accumulation - 1) / accumulation;
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
