package dev.fenlei.cli.commands;

import dev.fenlei.lora.train.Schedule;
import dev.fenlei.lora.train.TrainingSettings;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The options of the optimizer that `train` and `pretrain` share.
final class TrainingOptions {

    @Option(names = "--epochs", description = "Passes over the training data (default: 2; small models 3; pretrain 1).")
    private @Nullable Integer epochs;

    @Option(names = "--batch-size",
            description = "Examples that go through the model together (default: 4; pretrain 16).")
    private @Nullable Integer batchSize;

    @Option(names = "--grad-accum",
            description = "Batches whose gradients make one step (default: 4; small models and pretrain 1).")
    private @Nullable Integer accumulation;

    @Option(names = {"--lr", "--learning-rate"},
            description = "Learning rate at its highest (default: 1e-4; small models 2e-3; pretrain 2.5e-3).")
    private @Nullable Double learningRate;

    @Option(names = "--schedule",
            description = "Course of the learning rate: ${COMPLETION-CANDIDATES} (default: linear; small models and pretrain cosine).")
    private @Nullable Schedule schedule;

    @Option(names = "--warmup",
            description = "Share of the steps in which the learning rate rises, or their number if 1 or more (default: 0; small models and pretrain 0.05).")
    private @Nullable Double warmup;

    @Option(names = "--weight-decay", description = "AdamW's weight decay (default: ${DEFAULT-VALUE}).")
    double weightDecay;

    @Option(names = "--beta1", description = "AdamW's decay of the first moment (default: ${DEFAULT-VALUE}).")
    double beta1 = 0.9;

    @Option(names = "--beta2",
            description = "AdamW's decay of the second moment (default: 0.999; small models 0.98; pretrain 0.95).")
    private @Nullable Double beta2;

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
    /// @param recipe what was not given means
    TrainingSettings settings(int examples, Recipe recipe) {
        double rise = warmup == null ? recipe.warmup() : warmup;
        int total = settings(recipe, 0).totalSteps(examples);
        return settings(recipe, (int) Math.round(rise < 1 ? rise * total : rise));
    }

    private TrainingSettings settings(Recipe recipe, int warmupSteps) {
        return new TrainingSettings(
                Objects.requireNonNullElse(epochs, recipe.epochs()),
                Objects.requireNonNullElse(batchSize, recipe.batchSize()),
                Objects.requireNonNullElse(accumulation, recipe.accumulation()),
                Objects.requireNonNullElse(learningRate, recipe.learningRate()),
                Objects.requireNonNullElse(schedule, recipe.schedule()),
                warmupSteps, weightDecay, beta1, Objects.requireNonNullElse(beta2, recipe.beta2()), 1e-8, maxGradNorm,
                seed, true, checkpointing, maxSteps, null);
    }
}
