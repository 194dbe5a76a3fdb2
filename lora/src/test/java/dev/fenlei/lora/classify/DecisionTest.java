package dev.fenlei.lora.classify;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class DecisionTest {

    private static final Decision DECISION = new Decision("a", List.of("a", "b", "c"), new double[] {0.8, 0.2, 0}, 0.5,
            10);

    @Test
    void aTemperatureChangesHowSureADecisionIsAndNothingElse() {
        Decision warm = DECISION.withTemperature(2);
        double root = Math.sqrt(0.8) / (Math.sqrt(0.8) + Math.sqrt(0.2));
        assertThat(warm.confidence()).isCloseTo(root, within(1e-12));
        assertThat(Arrays.stream(warm.probabilities()).sum()).isCloseTo(1, within(1e-12));
        assertThat(warm.probabilities()[2]).isZero();
        assertThat(warm.label()).isEqualTo("a");
        assertThat(warm.candidateMass()).isEqualTo(0.5);
        assertThat(DECISION.withTemperature(0.01).confidence()).isCloseTo(1, within(1e-12));
        assertThat(DECISION.withTemperature(1).probabilities()).containsExactly(0.8, 0.2, 0);
    }

    @Test
    void aTemperatureIsPositive() {
        for (double temperature : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThatThrownBy(() -> DECISION.withTemperature(temperature))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void everyCandidateHasItsDescription() {
        assertThatThrownBy(() -> new Classifier.Request("t", List.of("a", "b"), List.of("x")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("1 descriptions for 2 candidates");
    }
}
