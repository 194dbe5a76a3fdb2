package dev.fenlei.engine.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SamplerTest {

    /// Probabilities ¹/₁₆, ⁸/₁₆, ⁴/₁₆, ²/₁₆, ¹/₁₆.
    private static final double[] PROBABILITIES = {0.0625, 0.5, 0.25, 0.125, 0.0625};

    private static float[] logits() {
        float[] logits = new float[PROBABILITIES.length];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = (float) Math.log(PROBABILITIES[i]);
        }
        return logits;
    }

    private static Generation settings(double temperature, int topK, double topP, long seed) {
        return new Generation(10, temperature, topK, topP, 1, Set.of(), PROBABILITIES.length, seed);
    }

    private static int[] draw(Generation settings, int count) {
        Sampler sampler = new Sampler(settings);
        return IntStream.range(0, count).map(i -> sampler.next(logits())).toArray();
    }

    @Test
    void greedyTakesTheLikeliestAndOfEqualsTheFirst() {
        Sampler sampler = new Sampler(Generation.greedy(1, Set.of(), 4));
        assertThat(sampler.next(new float[] {-1, 3, 2, 3})).isEqualTo(1);
        assertThat(sampler.next(new float[] {-4, -3, -2, -3})).isEqualTo(2);
    }

    @Test
    void topOneIsGreedy() {
        assertThat(draw(settings(1.5, 1, 1, 3), 50)).containsOnly(1);
    }

    @Test
    void topKKeepsTheKLikeliest() {
        assertThat(draw(settings(2, 3, 1, 3), 300)).contains(1, 2, 3).containsOnly(1, 2, 3);
    }

    /// The token with which the sum reaches p is kept, the next one is not.
    @Test
    void topPKeepsTheFewestThatReachP() {
        assertThat(draw(settings(1, 0, 0.4, 3), 100)).containsOnly(1);
        assertThat(draw(settings(1, 0, 0.6, 3), 300)).contains(1, 2).containsOnly(1, 2);
        assertThat(draw(settings(1, 0, 1, 3), 500)).contains(0, 1, 2, 3, 4);
    }

    @Test
    void frequenciesAreTheProbabilities() {
        int count = 20_000;
        int[] drawn = draw(settings(1, 0, 1, 9), count);
        for (int id = 0; id < PROBABILITIES.length; id++) {
            int wanted = id;
            double frequency = (double) Arrays.stream(drawn).filter(d -> d == wanted).count() / count;
            double deviation = Math.sqrt(PROBABILITIES[id] * (1 - PROBABILITIES[id]) / count);
            assertThat(frequency).as("token %d", id).isCloseTo(PROBABILITIES[id], within(4 * deviation));
        }
    }

    @Test
    void aLowTemperatureSharpens() {
        long cold = Arrays.stream(draw(settings(0.25, 0, 1, 9), 1000)).filter(id -> id == 1).count();
        long hot = Arrays.stream(draw(settings(4, 0, 1, 9), 1000)).filter(id -> id == 1).count();
        assertThat(cold).isGreaterThan(900);
        assertThat(hot).isLessThan(350);
    }

    @Test
    void aSeedGivesTheSameTokensAgainAndAnotherGivesOthers() {
        int[] first = draw(settings(1, 0, 1, 42), 100);
        assertThat(draw(settings(1, 0, 1, 42), 100)).isEqualTo(first);
        assertThat(draw(settings(1, 0, 1, 43), 100)).isNotEqualTo(first);
    }

    @Test
    void thePenaltyTurnsFromTokensOfPromptAndOutput() {
        Generation settings = new Generation(10, 0, 0, 1, 2, Set.of(), 4, 0);
        Sampler sampler = new Sampler(settings, 1, 999, -1);
        float[] logits = {-1.5f, 3, 1.6f, -1};
        assertThat(sampler.next(logits)).as("3 / 2 is below 1.6").isEqualTo(2);
        assertThat(logits).containsExactly(-1.5f, 1.5f, 1.6f, -1);
        assertThat(sampler.next(new float[] {-1.5f, 3, 1.6f, -1})).as("1.6 / 2 is below 1.5").isEqualTo(1);
        float[] negative = {-1.5f, -1, -1, -1.9f};
        assertThat(sampler.next(negative)).as("-1 · 2 is below -1.5").isEqualTo(0);
    }

    @Test
    void tokensBeyondTheVocabularyAreNeverChosen() {
        float[] logits = {0, 1, 2, 50, 60};
        for (double temperature : new double[] {0, 1}) {
            Sampler sampler = new Sampler(new Generation(10, temperature, 0, 1, 1, Set.of(), 3, 1));
            for (int i = 0; i < 50; i++) {
                assertThat(sampler.next(logits.clone())).isLessThan(3);
            }
        }
    }

    @Test
    void impossibleSettingsAreNamed() {
        assertThatThrownBy(() -> settings(-1, 0, 1, 0)).hasMessageContaining("temperature");
        assertThatThrownBy(() -> settings(Double.NaN, 0, 1, 0)).hasMessageContaining("temperature");
        assertThatThrownBy(() -> settings(1, -1, 1, 0)).hasMessageContaining("topK");
        assertThatThrownBy(() -> settings(1, 0, 0, 0)).hasMessageContaining("topP");
        assertThatThrownBy(() -> settings(1, 0, 1.1, 0)).hasMessageContaining("topP");
        assertThatThrownBy(() -> new Generation(-1, 0, 0, 1, 1, Set.of(), 4, 0)).hasMessageContaining("maxNewTokens");
        assertThatThrownBy(() -> new Generation(1, 0, 0, 1, 0, Set.of(), 4, 0))
                .hasMessageContaining("repetitionPenalty");
        assertThatThrownBy(() -> new Generation(1, 0, 0, 1, 1, Set.of(), 0, 0)).hasMessageContaining("vocabularySize");
    }
}
