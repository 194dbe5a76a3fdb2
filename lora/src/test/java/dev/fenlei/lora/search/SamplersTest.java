package dev.fenlei.lora.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.LongFunction;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import tools.jackson.databind.node.IntNode;
import tools.jackson.databind.node.StringNode;

class SamplersTest {

    private static final int TRIALS = 60;
    private static final int SEEDS = 20;

    /// Functions to minimize, of the kinds of parameters a search has.
    enum Function {
        /// Branin (Dixon & Szegö 1978): three equal minima of 0.398.
        BRANIN(new SearchSpace(ordered(
                "x", RangeDistribution.floats(-5, 10), "y", RangeDistribution.floats(0, 15)))) {
            @Override
            double at(Map<String, Double> p) {
                double x = Objects.requireNonNull(p.get("x"));
                double y = Objects.requireNonNull(p.get("y")) - 5.1 / (4 * Math.PI * Math.PI) * x * x + 5 / Math.PI * x
                        - 6;
                return y * y + 10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) + 10;
            }
        },
        /// A bowl in five dimensions, away from the middle.
        SPHERE(new SearchSpace(ordered(
                "a", RangeDistribution.floats(-5, 5), "b", RangeDistribution.floats(-5, 5),
                "c", RangeDistribution.floats(-5, 5), "d", RangeDistribution.floats(-5, 5),
                "e", RangeDistribution.floats(-5, 5)))) {
            @Override
            double at(Map<String, Double> p) {
                return p.values().stream().mapToDouble(v -> (v - 1.7) * (v - 1.7)).sum();
            }
        },
        /// Like training: a valley along learning rate times scale, and a choice and an integer that matter less.
        VALLEY(new SearchSpace(ordered(
                "lr", RangeDistribution.logFloats(1e-5, 1e-1), "alpha", RangeDistribution.logIntegers(4, 256),
                "batch", new CategoricalDistribution(List.of(
                        IntNode.valueOf(2), IntNode.valueOf(4), IntNode.valueOf(8)))))) {
            @Override
            double at(Map<String, Double> p) {
                double step = Math.log10(Objects.requireNonNull(p.get("lr")) * Objects.requireNonNull(p.get("alpha")))
                        + 2.5;
                double scale = Math.log(Objects.requireNonNull(p.get("alpha")) / 32);
                return step * step + 0.2 * scale * scale + 0.3 * Math.abs(Objects.requireNonNull(p.get("batch")) - 1);
            }
        };

        final SearchSpace space;

        Function(SearchSpace space) {
            this.space = space;
        }

        abstract double at(Map<String, Double> point);
    }

    private static Map<String, Distribution> ordered(Object... namesAndDistributions) {
        Map<String, Distribution> map = new LinkedHashMap<>();
        for (int i = 0; i < namesAndDistributions.length; i += 2) {
            map.put((String) namesAndDistributions[i], (Distribution) namesAndDistributions[i + 1]);
        }
        return map;
    }

    private static StudyState run(SearchSpace space, Sampler sampler, int trials,
            ToDoubleFunction<Map<String, Double>> f) {
        List<Trial> done = new ArrayList<>();
        for (int i = 0; i < trials; i++) {
            Optional<Map<String, Double>> point = sampler.sample(space, study(done), i);
            if (point.isEmpty()) {
                break;
            }
            assertThat(space.contains(point.get())).as("%s", point.get()).isTrue();
            done.add(new Trial(
                    i, i, TrialState.COMPLETE, f.applyAsDouble(point.get()), point.get(), space.distributions(),
                    new TreeMap<>(), Map.of(), Map.of(), null, null));
        }
        return study(done);
    }

    private static StudyState study(List<Trial> trials) {
        return new StudyState(0, "test", Direction.MINIMIZE, Map.of(), trials);
    }

    private static double median(Function function, LongFunction<Sampler> samplers) {
        double[] best = new double[SEEDS];
        for (int seed = 0; seed < SEEDS; seed++) {
            StudyState study = run(function.space, samplers.apply(seed), TRIALS, function::at);
            best[seed] = Objects.requireNonNull(study.best().orElseThrow().value());
        }
        Arrays.sort(best);
        return 0.5 * (best[SEEDS / 2 - 1] + best[SEEDS / 2]);
    }

    @ParameterizedTest
    @EnumSource
    void tpeBeatsRandomInMedian(Function function) {
        double tpe = median(function, seed -> new TpeSampler(seed, TpeSampler.STARTUP_TRIALS));
        double random = median(function, RandomSampler::new);
        assertThat(tpe).isLessThan(random);
    }

    @Test
    void theSameSeedGivesTheSamePointsAlsoAfterAnInterruption() {
        Function f = Function.VALLEY;
        StudyState whole = run(f.space, new TpeSampler(3, 5), 20, f::at);
        StudyState begun = study(whole.trials().subList(0, 12));
        assertThat(new TpeSampler(3, 5).sample(f.space, begun, 12)).contains(whole.trials().get(12).parameters());
        assertThat(new TpeSampler(4, 5).sample(f.space, begun, 12)).isNotEqualTo(
                Optional.of(whole.trials().get(12).parameters()));
        assertThat(run(f.space, new TpeSampler(3, 5), 20, f::at)).isEqualTo(whole);
    }

    @Test
    void runningTrialsKeepOthersAway() {
        Function f = Function.SPHERE;
        StudyState done = run(f.space, new TpeSampler(1, 10), 30, f::at);
        Map<String, Double> point = new TpeSampler(1, 10).sample(f.space, done, 30).orElseThrow();
        List<Trial> trials = new ArrayList<>(done.trials());
        trials.add(new Trial(
                30, 30, TrialState.RUNNING, null, point, f.space.distributions(), new TreeMap<>(), Map.of(),
                Map.of(), null, null));
        assertThat(TpeSampler.split(study(trials)).others()).contains(trials.getLast());
    }

    @Test
    void aGridIsTriedOnceFromEndToEnd() {
        SearchSpace space = new SearchSpace(ordered(
                "lr", RangeDistribution.logFloats(1e-4, 1e-2),
                "r", RangeDistribution.integers(1, 2),
                "kind", new CategoricalDistribution(List.of(StringNode.valueOf("a"), StringNode.valueOf("b")))));
        StudyState study = run(space, new GridSampler(3, 5), 100, p -> 0);
        assertThat(study.trials()).hasSize(3 * 2 * 2);
        assertThat(new HashSet<>(study.trials().stream().map(Trial::parameters).toList())).hasSize(12);
        assertThat(study.trials().stream().mapToDouble(t -> t.parameters().get("lr")).distinct().sorted().toArray())
                .containsExactly(new double[] {1e-4, 1e-3, 1e-2}, within(1e-12));
        Map<String, Distribution> many = new LinkedHashMap<>();
        for (int i = 0; i < 20; i++) {
            many.put("x" + i, RangeDistribution.floats(0, 1));
        }
        assertThatThrownBy(() -> new GridSampler(3, 1).sample(new SearchSpace(many), study(List.of()), 0))
                .isInstanceOf(SearchException.class)
                .hasMessageContaining("100000");
    }

    @Test
    void aStudyBeginsWithAPointThatIsKnown() {
        Function f = Function.BRANIN;
        Sampler sampler = new FirstPoint(Map.of("x", 1.0, "y", 2.0), new RandomSampler(1));
        StudyState study = run(f.space, sampler, 3, f::at);
        assertThat(study.trials().get(0).parameters()).isEqualTo(Map.of("x", 1.0, "y", 2.0));
        assertThat(study.trials().get(1).parameters()).isNotEqualTo(Map.of("x", 1.0, "y", 2.0));
    }

    @Test
    void rangesHaveStepsAndLogarithms() {
        SplittableRandom random = new SplittableRandom(1);
        RangeDistribution quarter = new RangeDistribution(false, 0, 1.1, 0.25, false);
        assertThat(quarter.high()).isEqualTo(1.0);
        assertThat(quarter.size()).isEqualTo(5);
        assertThat(quarter.contains(0.75)).isTrue();
        assertThat(quarter.contains(0.7)).isFalse();
        RangeDistribution tenth = new RangeDistribution(false, 0, 0.3, 0.1, false);
        assertThat(tenth.high()).isEqualTo(0.3);
        RangeDistribution log = RangeDistribution.logFloats(1e-5, 1e-1);
        int below = 0;
        int[] counts = new int[13];
        for (int i = 0; i < 13_000; i++) {
            below += log.uniform(random) < 1e-3 ? 1 : 0;
            counts[(int) RangeDistribution.integers(4, 16).uniform(random) - 4]++;
            assertThat(quarter.contains(quarter.uniform(random))).isTrue();
        }
        assertThat(below / 13_000.0).isCloseTo(0.5, within(0.02));
        assertThat(Arrays.stream(counts)).allMatch(count -> count > 850 && count < 1150);
        assertThatThrownBy(() -> RangeDistribution.floats(2, 1)).hasMessageContaining("low 2.0 is above high 1.0");
        assertThatThrownBy(() -> RangeDistribution.logFloats(0, 1)).hasMessageContaining("above 0");
        assertThatThrownBy(() -> new RangeDistribution(false, 1, 2, 0.5, true)).hasMessageContaining("step");
        assertThatThrownBy(() -> new RangeDistribution(true, 1.5, 2, 1, false)).hasMessageContaining("whole");
        assertThatThrownBy(() -> new CategoricalDistribution(List.of())).hasMessageContaining("choices");
        assertThatThrownBy(() -> new CategoricalDistribution(List.of(IntNode.valueOf(1), IntNode.valueOf(1))))
                .hasMessageContaining("twice");
    }

    /// Drawn numbers have the moments of the normal distribution cut off at both ends, near its middle and far out.
    @ParameterizedTest
    @CsvSource({"-1, 2", "0, 0.5", "3, 9", "-30, -20", "-40, 40"})
    void truncatedNormalNumbersHaveTheirMean(double a, double b) {
        SplittableRandom random = new SplittableRandom(3);
        double sum = 0;
        int n = 20_000;
        for (int i = 0; i < n; i++) {
            double z = Normal.truncated(random, a, b);
            assertThat(z).isBetween(a, b);
            sum += z;
        }
        double mass = Normal.logMass(a, b);
        double mean = Math.exp(Normal.logDensity(a) - mass) - Math.exp(Normal.logDensity(b) - mass);
        assertThat(sum / n).isCloseTo(mean, within(0.03));
    }
}
