package dev.fenlei.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

class RopeScalingTest {

    private static final int HEAD_DIM = 128;
    private static final double THETA = 500_000;

    private static double unscaled(int pair) {
        return Math.pow(THETA, -2.0 * pair / HEAD_DIM);
    }

    private static void check(RopeScaling scaling, int pair, double expected) {
        assertThat((double) scaling.inverseFrequencies(HEAD_DIM, THETA)[pair])
                .as("pair %d", pair)
                .isCloseTo(expected, withinPercentage(1e-4));
    }

    @Test
    void linearDividesEveryFrequency() {
        RopeScaling linear = new RopeScaling.Linear(4);
        for (int pair : new int[] {0, 1, 40, 63}) {
            check(linear, pair, unscaled(pair) / 4);
        }
        assertThat(linear.positions(1000)).isEqualTo(4000);
        assertThat(linear.positions(Integer.MAX_VALUE)).isEqualTo(Integer.MAX_VALUE);
    }

    /// The settings of Llama 3.1: a pair turns 8192·f/2π times in 8192 positions.
    @Test
    void llama3KeepsFastPairsAndDividesSlowOnes() {
        RopeScaling llama = new RopeScaling.Llama3(8, 1, 4, 8192);
        for (int pair = 0; pair < HEAD_DIM / 2; pair++) {
            double turns = 8192 * unscaled(pair) / (2 * Math.PI);
            double kept = Math.clamp((turns - 1) / 3, 0, 1);
            check(llama, pair, unscaled(pair) * (kept + (1 - kept) / 8));
        }
        check(llama, 28, unscaled(28));
        check(llama, 36, unscaled(36) / 8);
        assertThat(llama.positions(131_072)).isEqualTo(131_072);
        assertThat(llama.attentionFactor()).isEqualTo(1);
    }

    /// The pairs that turn 32 times and once in 32768 positions are 24.842329 and 41.745313: the ramp leads from 24 to 42.
    @Test
    void yarnLeadsFromKeptFrequenciesToDividedOnes() {
        RopeScaling yarn = new RopeScaling.Yarn(4, 32_768, 32, 1, true, 1.1386f);
        for (int pair = 0; pair < HEAD_DIM / 2; pair++) {
            double divided = Math.clamp((pair - 24) / 18.0, 0, 1);
            check(yarn, pair, unscaled(pair) * (1 - divided + divided / 4));
        }
        RopeScaling exact = new RopeScaling.Yarn(4, 32_768, 32, 1, false, 1.1386f);
        check(exact, 24, unscaled(24));
        double divided = (30 - 24.842329) / (41.745313 - 24.842329);
        check(exact, 30, unscaled(30) * (1 - divided + divided / 4));
        assertThat(yarn.positions(32_768)).isEqualTo(131_072);
        assertThat(yarn.positions(200_000)).isEqualTo(200_000);
    }

    @Test
    void yarnScalesQueriesAndKeys() throws ModelException {
        assertThat(yarnFactor("")).isCloseTo(1.138629f, within(1e-6f));
        assertThat(yarnFactor(", \"attention_factor\": 0.5")).isEqualTo(0.5f);
        assertThat(yarnFactor(", \"mscale\": 0.707")).isCloseTo(1.138629f, within(1e-6f));
        assertThat(yarnFactor(", \"mscale\": 1.0, \"mscale_all_dim\": 1.0")).isEqualTo(1);
        assertThat(yarnFactor(", \"mscale\": 2.0, \"mscale_all_dim\": 1.0"))
                .isCloseTo(1.277259f / 1.138629f, within(1e-6f));
    }

    private static float yarnFactor(String more) throws ModelException {
        return rope("{\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0" + more + "}}")
                .scaling()
                .attentionFactor();
    }

    private static RopeFields rope(String json) throws ModelException {
        return RopeFields.of(
                new ConfigFields(Path.of("config.json"), JsonMapper.shared().readTree(json), ""), 2048);
    }

    @Test
    void theOriginalLengthIsThatOfTheModelUnlessItIsSaid() throws ModelException {
        assertThat(rope("{\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0}}").scaling().positions(2048))
                .isEqualTo(8192);
        assertThat(rope("{\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4.0, "
                + "\"original_max_position_embeddings\": 1024}}")
                .scaling()
                .positions(2048))
                .isEqualTo(4096);
    }

    @Test
    void bothSpellingsAreRead() throws ModelException {
        RopeFields older = rope("{\"rope_theta\": 1e6, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}");
        RopeFields newer = rope(
                "{\"rope_parameters\": {\"rope_theta\": 1e6, \"rope_type\": \"linear\", \"factor\": 2}}");
        assertThat(newer).isEqualTo(older);
        assertThat(older.theta()).isEqualTo(1e6);
        assertThat(rope("{\"rope_scaling\": null}")).isEqualTo(new RopeFields(10_000, new RopeScaling.None()));
    }

    /// Within the model's positions, which are all that it takes.
    @Test
    void dynamicScalingIsNone() throws ModelException {
        assertThat(rope("{\"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 4.0}}").scaling())
                .isEqualTo(new RopeScaling.None());
    }
}
