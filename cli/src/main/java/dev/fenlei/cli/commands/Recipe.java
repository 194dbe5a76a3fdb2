package dev.fenlei.cli.commands;

import dev.fenlei.lora.adapter.TargetModules;
import dev.fenlei.lora.train.Schedule;
import java.util.List;
import java.util.stream.Stream;

/// What options of training mean when they are not given.
///
/// @param batchSize examples that go through the model together
/// @param accumulation batches whose gradients make one step
/// @param warmup share of the steps in which the learning rate rises
/// @param beta2 AdamW's decay of the second moment
/// @param rank of the adapter
/// @param alpha the adapter's update is scaled by `alpha / rank`
/// @param dropout on the adapter's input
/// @param targets the modules that are adapted
record Recipe(
        int epochs,
        int batchSize,
        int accumulation,
        double learningRate,
        Schedule schedule,
        double warmup,
        double beta2,
        int rank,
        double alpha,
        double dropout,
        List<String> targets) {

    /// The reference recipe for Qwen1.5-7B-Chat.
    static final Recipe REFERENCE = new Recipe(2, 4, 4, 1e-4, Schedule.LINEAR, 0, 0.999, 8, 32, 0.1,
            TargetModules.LINEAR);

    /// A model of a few million weights has little to lose and learns only in large steps. It has also seen too few texts
    /// for its embedding to say what a word is about, so that is adapted too. In so few steps a second moment of long memory
    /// would still hold the large gradients of the beginning at the end.
    static final Recipe SMALL = new Recipe(
            3, 4, 1, 2e-3, Schedule.COSINE, 0.05, 0.98, 16, 32, 0,
            Stream.concat(TargetModules.LINEAR.stream(), Stream.of(TargetModules.EMBEDDING)).toList());

    /// All weights of a small model, from random ones; there is no adapter.
    static final Recipe PRETRAINING = new Recipe(1, 16, 1, 2.5e-3, Schedule.COSINE, 0.05, 0.95, 1, 1, 0, List.of());

    private static final long SMALL_PARAMETERS = 50_000_000;

    /// The recipe for fine-tuning a model of so many weights.
    static Recipe forModel(long parameters) {
        return parameters < SMALL_PARAMETERS ? SMALL : REFERENCE;
    }
}
