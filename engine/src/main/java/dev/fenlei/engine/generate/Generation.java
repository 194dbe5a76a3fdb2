package dev.fenlei.engine.generate;

import java.util.Set;

/// How to choose the next token.
///
/// @param maxNewTokens the most tokens to produce
/// @param temperature divides the logits; 0 means greedy
/// @param topK keeps the k likeliest tokens; 0 keeps all
/// @param topP keeps the likeliest tokens whose probabilities reach p; 1 keeps all
/// @param repetitionPenalty divides positive and multiplies negative logits of tokens that occurred in prompt or output
///     (Keskar et al. 2019); 1 changes nothing
/// @param endTokens tokens that end the text
/// @param vocabularySize tokens from this id on are never produced
/// @param seed of the sampling
public record Generation(
        int maxNewTokens,
        double temperature,
        int topK,
        double topP,
        double repetitionPenalty,
        Set<Integer> endTokens,
        int vocabularySize,
        long seed) {

    public Generation {
        require(maxNewTokens >= 0, "maxNewTokens must not be negative");
        require(temperature >= 0 && Double.isFinite(temperature), "temperature must not be negative");
        require(topK >= 0, "topK must not be negative");
        require(topP > 0 && topP <= 1, "topP must lie above 0 and at most at 1");
        require(repetitionPenalty > 0 && Double.isFinite(repetitionPenalty), "repetitionPenalty must be positive");
        require(vocabularySize > 0, "vocabularySize must be positive");
        endTokens = Set.copyOf(endTokens);
    }

    /// Always the likeliest token, without a repetition penalty.
    public static Generation greedy(int maxNewTokens, Set<Integer> endTokens, int vocabularySize) {
        return new Generation(maxNewTokens, 0, 0, 1, 1, endTokens, vocabularySize, 0);
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
