package dev.fenlei.cli.commands;

import dev.fenlei.lora.train.Schedule;
import dev.fenlei.lora.train.TrainingSettings;
import picocli.CommandLine.Option;

/// The options of the optimizer that `train` and `pretrain` share.
final class TrainingOptions {

    @Option(names = "--epochs", description = "Passes over the training data (default: ${DEFAULT-VALUE}).")
    int epochs = 4;

    @Option(names = "--batch-size",
            description = "Examples that go through the model together (default: ${DEFAULT-VALUE}).")
    int batchSize = 16;

    @Option(names = "--grad-accum", description = "Batches whose gradients make one step (default: ${DEFAULT-VALUE}).")
    int accumulation = 1;

    @Option(names = {"--lr", "--learning-rate"},
            description = "Learning rate at its highest (default: ${DEFAULT-VALUE}).")
    double learningRate = 3e-3;

    @Option(names = "--schedule",
            description = "Course of the learning rate: ${COMPLETION-CANDIDATES} (default: ${DEFAULT-VALUE}).")
    Schedule schedule = Schedule.COSINE;

    @Option(names = "--warmup",
            description = "Share of the steps in which the learning rate rises, or their number if 1 or more (default: ${DEFAULT-VALUE}).")
    double warmup = 0.05;

    @Option(names = "--weight-decay", description = "AdamW's weight decay (default: ${DEFAULT-VALUE}).")
    double weightDecay;

    @Option(names = "--beta1", description = "AdamW's decay of the first moment (default: ${DEFAULT-VALUE}).")
    double beta1 = 0.9;

    @Option(names = "--beta2", description = "AdamW's decay of the second moment (default: ${DEFAULT-VALUE}).")
    double beta2 = 0.999;

    @Option(names = "--max-grad-norm",
            description = "Clip the gradient norm to this; 0 does not clip (default: ${DEFAULT-VALUE}).")
    double maxGradNorm = 1;

    @Option(names = "--seed", description = "Seed of initial weights, order and dropout (default: ${DEFAULT-VALUE}).")
    long seed = 42;

    @Option(names = "--max-steps",
            description = "Stop after so many steps; 0 for all epochs (default: ${DEFAULT-VALUE}).")
    int maxSteps;

    @Option(names = "--checkpointing",
            description = "Compute activations again in the backward pass: less memory, slower.")
    boolean checkpointing;

    /// @param examples the number of examples in an epoch, from which a share of the steps becomes a number
    TrainingSettings settings(int examples) {
        TrainingSettings all = settings(0, maxSteps);
        int warmupSteps = (int) Math.round(warmup < 1 ? warmup * all.totalSteps(examples) : warmup);
        return settings(warmupSteps, maxSteps);
    }

    private TrainingSettings settings(int warmupSteps, int steps) {
        return new TrainingSettings(
                epochs, batchSize, accumulation, learningRate, schedule, warmupSteps, weightDecay, beta1, beta2, 1e-8,
                maxGradNorm, seed, true, checkpointing, steps);
    }
}
