package dev.fenlei.lora.train;

import dev.fenlei.engine.model.Parameter;
import org.jspecify.annotations.Nullable;

/// Learning rates of LoRA+ (Hayou et al. 2024), in the groups of PEFT's `create_loraplus_optimizer`: `lora_B` and everything
/// of one dimension (biases, norms, magnitudes of DoRA) learn at the rate times the ratio, everything else at the rate itself.
///
/// @param ratio of the learning rate of B to that of A
/// @param embeddingRate the learning rate of an embedding's adapter at its highest. Null for that of A, which is what PEFT
///     comes to: its group for embeddings stays empty.
public record LoraPlus(double ratio, @Nullable Double embeddingRate) {

    public LoraPlus {
        if (!(ratio > 0 && Double.isFinite(ratio))) {
            throw new IllegalArgumentException("the ratio of LoRA+ must be positive, it is " + ratio);
        }
        if (embeddingRate != null && !(embeddingRate >= 0 && Double.isFinite(embeddingRate))) {
            throw new IllegalArgumentException(
                    "the learning rate of the embedding must not be negative, it is " + embeddingRate);
        }
    }

    /// The learning rate of a parameter at its highest.
    ///
    /// @param rate the learning rate of A
    double rate(Parameter parameter, double rate) {
        String name = parameter.name();
        if (name.contains(".lora_embedding_")) {
            return embeddingRate == null ? rate : embeddingRate;
        }
        boolean fast = name.contains(".lora_B.") || name.endsWith(".lora_magnitude_vector") || parameter.vector();
        return fast ? rate * ratio : rate;
    }
}
