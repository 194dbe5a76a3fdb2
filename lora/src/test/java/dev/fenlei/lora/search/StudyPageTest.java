package dev.fenlei.lora.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.node.IntNode;
import tools.jackson.databind.node.StringNode;

class StudyPageTest {

    @TempDir
    private Path folder;

    /// For f(x, y) = x on the unit square a tree has all its variance, nearly that of a uniform number, in x.
    @Test
    void aTreeSplitsItsVarianceByDimensions() {
        double[][] points = new double[400][];
        double[] values = new double[400];
        int[] rows = new int[400];
        for (int i = 0; i < 400; i++) {
            points[i] = new double[] {(i % 20 + 0.5) / 20, (i / 20 + 0.5) / 20};
            values[i] = points[i][0];
            rows[i] = i;
        }
        RegressionTree tree = new RegressionTree(points, values, rows);
        assertThat(tree.variance()).isCloseTo((1 - 1 / 400.0) / 12, within(1e-12));
        assertThat(tree.variance(0)).isCloseTo(tree.variance(), within(1e-12));
        assertThat(tree.variance(1)).isCloseTo(0, within(1e-12));
    }

    /// A study of a made-up training in which the learning rate matters most and the dropout not at all.
    static StudyState study(Path journal, int trials, Pruner pruner) throws Exception {
        Map<String, Distribution> space = new LinkedHashMap<>();
        space.put("learning_rate", RangeDistribution.logFloats(1e-5, 1e-2));
        space.put("lora_r", RangeDistribution.integers(4, 16));
        space.put("lora_dropout", RangeDistribution.floats(0, 0.3));
        space.put("batch_size", new CategoricalDistribution(
                List.of(IntNode.valueOf(2), IntNode.valueOf(4), IntNode.valueOf(8))));
        Study study = Study.open(journal, "新闻", Direction.MAXIMIZE, Map.of());
        while (true) {
            Optional<ActiveTrial> next = study.next(
                    new SearchSpace(space), new TpeSampler(5, 10), pruner, trials);
            if (next.isEmpty()) {
                return study.state();
            }
            try (ActiveTrial trial = next.get()) {
                work(trial);
            }
        }
    }

    private static void work(ActiveTrial trial) throws Exception {
        double rate = Math.log10(Objects.requireNonNull(trial.parameters().get("learning_rate")).doubleValue() / 5e-4);
        double rank = (Objects.requireNonNull(trial.parameters().get("lora_r")).doubleValue() - 12) / 12;
        double batch = Objects.requireNonNull(trial.parameters().get("batch_size")).doubleValue() == 8 ? 0.02 : 0;
        double value = 0.9 - 0.15 * rate * rate - 0.03 * rank * rank - batch;
        if (trial.number() == 7) {
            trial.fail("step 12: the loss is NaN <script>alert(1)</script>");
            return;
        }
        for (int step = 1; step <= 6; step++) {
            if (!trial.report(step, value * (1 - Math.exp(-0.7 * step)))) {
                trial.prune(Map.of("note", StringNode.valueOf("hopeless")));
                return;
            }
        }
        trial.complete(value, Map.of());
    }

    @Test
    void thePageNeedsNothingElseAndExecutesNothingFromTheStudy() throws Exception {
        StudyState study = study(folder.resolve("s.journal"), 30, new MedianPruner(5, 0));
        Path page = folder.resolve("pages").resolve("study.html");
        StudyPage.write(page, study, "macro-f1", "java -jar fenlei.jar train --lr </script>");
        String html = Files.readString(page);
        assertThat(html).doesNotContain("/*DATA*/", "/*CSS*/", "/*JS*/", "src=", "href=", "<script>alert", "@import");
        assertThat(html).contains("\\u003cscript>alert(1)").contains("新闻");
        assertThat(Files.size(page)).isLessThan(200_000);
    }

    @Test
    void whatMattersIsFoundToMatter() throws Exception {
        Map<String, Double> importance = Importance.of(study(folder.resolve("s.journal"), 60, Pruner.NONE));
        assertThat(importance.keySet().iterator().next()).isEqualTo("learning_rate");
        assertThat(importance.get("learning_rate")).isGreaterThan(0.7);
        assertThat(importance.get("lora_dropout")).isLessThan(0.1);
        assertThat(importance.values().stream().mapToDouble(Double::doubleValue).sum()).isBetween(0.999999, 1.000001);
        assertThat(Importance.of(study(folder.resolve("few.journal"), 5, Pruner.NONE))).isEmpty();
    }
}
