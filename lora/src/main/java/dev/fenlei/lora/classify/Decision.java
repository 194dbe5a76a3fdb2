package dev.fenlei.lora.classify;

import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The answer for one text.
///
/// @param label the likeliest candidate; null if the model's free answer was none of them
/// @param candidates what there was to choose from
/// @param probabilities of the candidates, in their order, summing to 1
/// @param candidateMass the probability that the model itself gives to all candidates together: if it is small, the text may
///     belong to none of them
/// @param promptTokens the length of the prompt
public record Decision(
        @Nullable String label, List<String> candidates, double[] probabilities, double candidateMass,
        int promptTokens) {

    /// From log-probabilities of the candidates.
    static Decision of(List<String> candidates, double[] scores, int promptTokens) {
        int best = 0;
        for (int i = 1; i < scores.length; i++) {
            if (scores[i] > scores[best]) {
                best = i;
            }
        }
        double sum = 0;
        double[] probabilities = new double[scores.length];
        for (int i = 0; i < scores.length; i++) {
            probabilities[i] = Math.exp(scores[i] - scores[best]);
            sum += probabilities[i];
        }
        for (int i = 0; i < scores.length; i++) {
            probabilities[i] /= sum;
        }
        return new Decision(
                candidates.get(best), candidates, probabilities, Math.exp(scores[best]) * sum, promptTokens);
    }

    /// The probability of the label; 0 if there is none.
    public double confidence() {
        int index = label == null ? -1 : candidates.indexOf(label);
        return index < 0 ? 0 : probabilities[index];
    }

    /// The same decision with probabilities of another temperature, p^(1/T) made to sum to 1 again: above 1 they come closer to
    /// each other, below 1 they part.
    ///
    /// @throws IllegalArgumentException unless the temperature is positive
    public Decision withTemperature(double temperature) {
        if (!(temperature > 0) || Double.isInfinite(temperature)) {
            throw new IllegalArgumentException("the temperature must be positive, it is " + temperature);
        }
        double largest = Arrays.stream(probabilities).max().orElse(1);
        double[] scaled = Arrays.stream(probabilities).map(p -> Math.pow(p / largest, 1 / temperature)).toArray();
        double sum = Arrays.stream(scaled).sum();
        return new Decision(
                label, candidates, Arrays.stream(scaled).map(p -> p / sum).toArray(), candidateMass, promptTokens);
    }
}
