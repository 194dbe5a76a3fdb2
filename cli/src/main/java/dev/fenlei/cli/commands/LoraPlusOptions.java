package dev.fenlei.cli.commands;

import dev.fenlei.lora.train.LoraPlus;
import dev.fenlei.lora.train.TrainingSettings;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Learning rates of LoRA+.
final class LoraPlusOptions {

    @Option(names = "--lora-plus-ratio", paramLabel = "RATIO",
            description = "LoRA+: the learning rate of B and of vectors is the rate of A times this; 16 is usual (default: 1).")
    private @Nullable Double ratio;

    @Option(names = "--lora-plus-embedding-lr", paramLabel = "RATE",
            description = "LoRA+: learning rate of an embedding's adapter (default: that of A).")
    private @Nullable Double embeddingRate;

    /// The same settings with the rates that were asked for.
    TrainingSettings applyTo(TrainingSettings settings) {
        return ratio == null && embeddingRate == null
                ? settings
                : settings.with(new LoraPlus(Objects.requireNonNullElse(ratio, 1.0), embeddingRate));
    }
}
