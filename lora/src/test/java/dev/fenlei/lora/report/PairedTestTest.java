package dev.fenlei.lora.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.lora.evaluate.Metrics;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PairedTestTest {

    /// `n` examples of class 0, of which only the first, or only the second answers some right.
    private static PairedTest split(int onlyFirst, int onlySecond, int both) {
        int n = onlyFirst + onlySecond + both;
        int[] first = new int[n];
        int[] second = new int[n];
        Arrays.fill(second, 0, onlyFirst, 1);
        Arrays.fill(first, onlyFirst, onlyFirst + onlySecond, 1);
        return PairedTest.of(new int[n], first, second, 2, 200, 1);
    }

    /// Binomial tails by hand: 2·(1 + 12 + 66) / 4096, and less 66 / 4096 for the mid-p.
    @ParameterizedTest
    @CsvSource({
        "2, 10, 0.03857421875, 0.0224609375", "10, 2, 0.03857421875, 0.0224609375", "0, 5, 0.0625, 0.03125",
        "4, 4, 1, 1", "0, 0, 1, 1"
    })
    void mcNemarIsTheBinomialTest(int onlyFirst, int onlySecond, double exact, double midP) {
        PairedTest test = split(onlyFirst, onlySecond, 30);
        assertThat(test.onlyFirst()).isEqualTo(onlyFirst);
        assertThat(test.onlySecond()).isEqualTo(onlySecond);
        assertThat(test.mcNemar()).isCloseTo(exact, within(1e-12));
        assertThat(test.mcNemarMidP()).isCloseTo(midP, within(1e-12));
    }

    @Test
    void manyDisagreementsDoNotOverflow() {
        assertThat(split(60_000, 61_000, 0).mcNemar()).isBetween(0.0, 0.01);
    }

    private static int[] noisy(int[] truth, double accuracy, long seed) {
        Random random = new Random(seed);
        return Arrays.stream(truth)
                .map(label -> random.nextDouble() < accuracy ? label : random.nextInt(5) - 1)
                .toArray();
    }

    @Test
    void theDifferenceIsThatOfTheMetricsAndTheBootstrapTellsLuckFromSkill() {
        int[] truth = IntStream.range(0, 400).map(i -> i % 4).toArray();
        int[] weak = noisy(truth, 0.7, 1);
        int[] strong = noisy(truth, 0.85, 2);
        PairedTest skill = PairedTest.of(truth, weak, strong, 4, 2000, 7);
        assertThat(skill.difference()).isCloseTo(macroF1(truth, strong) - macroF1(truth, weak), within(1e-12));
        assertThat(skill.low()).isPositive().isLessThan(skill.difference());
        assertThat(skill.high()).isGreaterThan(skill.difference());
        assertThat(skill.bootstrap()).isLessThan(0.01);
        assertThat(PairedTest.of(truth, weak, strong, 4, 2000, 7)).isEqualTo(skill);
        PairedTest luck = PairedTest.of(truth, weak, noisy(truth, 0.7, 3), 4, 2000, 7);
        assertThat(luck.bootstrap()).isGreaterThan(0.05);
        assertThat(luck.low()).isNegative();
    }

    /// Of pairs that are alike, about one in twenty looks better or worse by chance at the level of 5 %.
    @Test
    void theLevelIsKept() {
        int[] truth = IntStream.range(0, 200).map(i -> i % 4).toArray();
        int rejected = 0;
        for (int i = 0; i < 200; i++) {
            PairedTest test = PairedTest.of(truth, noisy(truth, 0.7, 2 * i), noisy(truth, 0.7, 2 * i + 1), 4, 200, i);
            rejected += test.bootstrap() < 0.05 ? 1 : 0;
        }
        assertThat(rejected).isBetween(2, 22);
    }

    private static double macroF1(int[] truth, int[] answers) {
        List<String> labels = List.of("0", "1", "2", "3");
        return Metrics.of(
                labels,
                Arrays.stream(truth).mapToObj(Integer::toString).toList(),
                Arrays.stream(answers).mapToObj(Integer::toString).toList())
                .macro()
                .f1();
    }

    @Test
    void unequalLengthsAreRefused() {
        assertThatThrownBy(() -> PairedTest.of(new int[2], new int[2], new int[3], 2, 200, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
