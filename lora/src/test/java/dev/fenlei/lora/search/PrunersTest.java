package dev.fenlei.lora.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PrunersTest {

    private static final SearchSpace SPACE = new SearchSpace(Map.of("x", RangeDistribution.floats(0, 1)));

    @TempDir
    private Path folder;

    private Study study(String name) throws Exception {
        return Study.open(folder.resolve("study.journal"), name, Direction.MAXIMIZE, Map.of());
    }

    /// Reports x·step for 9 steps, unless it is pruned.
    ///
    /// @return the step at which it was pruned, 0 if it was not
    private static int work(Study study, Pruner pruner, int trials) throws Exception {
        try (ActiveTrial trial = study.next(SPACE, new RandomSampler(11), pruner, trials).orElseThrow()) {
            double x = Objects.requireNonNull(trial.parameters().get("x")).doubleValue();
            for (int step = 1; step <= 9; step++) {
                if (!trial.report(step, x * step)) {
                    trial.prune(Map.of());
                    return step;
                }
            }
            trial.complete(9 * x, Map.of());
            return 0;
        }
    }

    @Test
    void theMedianPrunerWaitsAndThenPrunesTheWorseHalf() throws Exception {
        Study study = study("median");
        Pruner pruner = new MedianPruner(5, 3);
        List<Integer> pruned = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            pruned.add(work(study, pruner, 40));
        }
        assertThat(pruned.subList(0, 5)).containsOnly(0);
        assertThat(pruned.subList(5, 40)).containsOnly(0, 3).contains(3);
        StudyState state = study.state();
        Trial given = state.trials(TrialState.PRUNED).getFirst();
        assertThat(given.value()).isEqualTo(given.intermediate().lastEntry().getValue());
    }

    /// Brackets, shares and rungs are what Optuna 5.0.0 computes for the same names and numbers.
    @Test
    void hyperbandPutsTrialsIntoOptunasBrackets() {
        HyperbandPruner pruner = new HyperbandPruner(1, 27, 3);
        assertThat(IntStream.range(0, 24).map(number -> pruner.bracket("bands", number, 4)).toArray())
                .containsExactly(HYPERBAND_BRACKETS);
    }

    private static final int[] HYPERBAND_BRACKETS = {1, 1, 0, 1, 3, 3, 1, 0, 0, 0, 1, 0, 0, 1, 0, 1, 1, 0, 0, 1, 3, 0,
        1, 0};

    @Test
    void hyperbandLetsTheBestThirdOfEachRungGoOn() throws Exception {
        Study study = study("bands");
        Pruner pruner = new HyperbandPruner(1, 9, 3);
        List<Integer> pruned = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            pruned.add(work(study, pruner, 60));
        }
        assertThat(pruned).containsAll(List.of(0, 1, 3, 9));
        StudyState state = study.state();
        assertThat(state.trials(TrialState.PRUNED)).hasSizeGreaterThan(30);
        assertThat(state.trials()).allSatisfy(trial -> assertThat(trial.systemAttributes().keySet().stream()
                .filter(key -> key.startsWith("completed_rung_"))
                .count()).isLessThanOrEqualTo(3));
        // The best survive where they compete.
        double best = state.trials().stream().mapToDouble(trial -> Objects.requireNonNull(trial.parameters().get("x")))
                .max().orElseThrow();
        assertThat(state.best().orElseThrow().parameters().get("x")).isEqualTo(best);
    }

    @Test
    void hyperbandTakesItsMeasureFromTheFirstCompleteTrial() throws Exception {
        Study study = study("auto");
        Pruner pruner = new HyperbandPruner(1, 0, 3);
        assertThat(work(study, pruner, 30)).isZero();
        List<Integer> pruned = new ArrayList<>();
        for (int i = 1; i < 30; i++) {
            pruned.add(work(study, pruner, 30));
        }
        assertThat(pruned).contains(1, 3);
    }

    @Test
    void whatIsNoNumberIsPruned() throws Exception {
        Study study = study("nan");
        Pruner pruner = new MedianPruner(1, 0);
        assertThat(work(study, pruner, 9)).isZero();
        try (ActiveTrial trial = study.next(SPACE, new RandomSampler(1), pruner, 9).orElseThrow()) {
            assertThat(trial.report(1, Double.NaN)).isFalse();
            trial.prune(Map.of());
        }
        assertThat(study.state().trials().getLast().value()).isNull();
        assertThatThrownBy(() -> new HyperbandPruner(0, 1, 3)).isInstanceOf(IllegalArgumentException.class);
    }
}
