package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What `train` leaves in a run folder, `report` and `compare`.
class RunCommandsTest {

    @TempDir
    static Path folder;

    private static Path run = Path.of("");
    private static Path other = Path.of("");
    private static CommandRun training = new CommandRun(0, "", "");

    @BeforeAll
    static void train() throws IOException {
        Path model = TinyModel.pretrain(folder, 512);
        Path data = Files.createDirectories(folder.resolve("data"));
        List<String> train = new ArrayList<>(rows("天气", 30));
        train.add(train.getFirst());
        Files.write(data.resolve("train.jsonl"), train);
        List<String> test = new ArrayList<>(rows("</script><b>股票", 10));
        test.add(train.getFirst());
        Files.write(data.resolve("test.jsonl"), test);
        run = folder.resolve("first");
        other = folder.resolve("second");
        training = train(model, data, run, "--tensorboard");
        assertThat(training.status()).as(training.err()).isZero();
        assertThat(train(model, data, other, "--lr", "0").status()).isZero();
    }

    private static CommandRun train(Path model, Path data, Path out, Object... more) {
        List<Object> args = new ArrayList<>(List.of(
                "train", "--model", model, "--data", data, "--out", out, "--epochs", 1, "--lora-r", 2));
        args.addAll(List.of(more));
        return CommandRun.of(args.toArray());
    }

    private static List<String> rows(String text, int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "{\"text\": \"" + text + i + "\", \"category\": [\"a\", \"b\"], \"output\": \""
                        + "ab".charAt(i % 2) + "\"}")
                .toList();
    }

    @Test
    void everyStepIsRecordedWithTheLoadOfTheMachine() throws IOException {
        List<JsonNode> lines = Files.readAllLines(run.resolve("metrics.jsonl")).stream()
                .map(line -> (JsonNode) JsonMapper.shared().readTree(line))
                .toList();
        List<JsonNode> steps = lines.stream().filter(line -> line.has("loss")).toList();
        assertThat(steps).hasSize(7);
        for (JsonNode step : steps) {
            assertThat(step.propertyNames()).contains(
                    "step", "epoch", "loss", "learning_rate", "gradient_norm", "tokens_per_second", "heap_bytes",
                    "time");
            assertThat(step.path("heap_bytes").asLong()).isPositive();
            assertThat(step.path("system_cpu_load").asDouble(0)).isBetween(0.0, 1.0);
        }
        assertThat(lines.getFirst().has("baseline_accuracy")).isTrue();
        assertThat(lines.getLast().has("validation_macro_f1")).isTrue();
        try (var events = Files.list(run.resolve("tensorboard"))) {
            assertThat(events).hasSize(1);
        }
        assertThat(other.resolve("tensorboard")).doesNotExist();
    }

    @Test
    void theConsoleIsKept() throws IOException {
        String log = Files.readString(run.resolve("console.log"));
        assertThat(log).contains("validation accuracy", "adapter written to", "test accuracy");
        assertThat(training.err()).contains(log.lines().findFirst().orElseThrow());
        assertThat(training.out()).contains("test accuracy");
    }

    @Test
    void textsOfTheTestThatWereTrainedOnAreWarnedOf() throws IOException {
        assertThat(training.err()).contains("warning: 1 texts of the test data are in the training data too");
        JsonNode data = JsonMapper.shared().readTree(Files.readString(run.resolve("data.json")));
        assertThat(data.path("train_in_test").toString()).contains("\"rows\":1", "\"lines\":[11]");
        assertThat(data.path("train").path("rows").asInt() + data.path("validation").path("rows").asInt())
                .isEqualTo(31);
    }

    @Test
    void theReportHoldsTheExactCommandAndNoTextEndsItsScript() throws IOException {
        CommandRun again = CommandRun.of("report", run);
        assertThat(again.out().strip()).isEqualTo(run.resolve("report.html").toString());
        String html = Files.readString(run.resolve("report.html"));
        assertThat(html).contains("java -jar fenlei.jar train --model=", "--tensorboard=true", "--epochs=1", "股票9");
        assertThat(html).doesNotContain("</script><b>").doesNotContainPattern("(src|href)=\"(https?:)?//");
        CommandRun none = CommandRun.of("report", folder);
        assertThat(none.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(none.err()).contains("holds no run");
    }

    @Test
    void runsAreCompared() throws IOException {
        CommandRun table = CommandRun.of("compare", run, other);
        assertThat(table.status()).as(table.err()).isZero();
        assertThat(table.out()).contains(run + " ", other + " ", "baseline", "McNemar's mid-p");
        CommandRun json = CommandRun.of("compare", "--json", "--samples", 500, run, run);
        assertThat(json.jsonLines()).hasSize(2);
        assertThat(json.jsonLines().getLast().path("mcnemar_exact_p").asDouble()).isEqualTo(1);
        assertThat(json.jsonLines().getLast().path("macro_f1_difference").asDouble()).isZero();

        Path empty = Files.createDirectories(folder.resolve("empty"));
        assertThat(CommandRun.of("compare", run, empty).err()).contains(empty + ": has not been evaluated");
        assertThat(CommandRun.of("compare", run).status()).isEqualTo(FenleiCommand.BAD_USAGE);
        Path shorter = Files.createDirectories(folder.resolve("shorter"));
        Files.copy(run.resolve("evaluation.json"), shorter.resolve("evaluation.json"));
        List<String> rows = Files.readAllLines(run.resolve("predictions.jsonl"));
        Files.write(shorter.resolve("predictions.jsonl"), rows.subList(0, 4));
        assertThat(CommandRun.of("compare", run, shorter).err()).contains("was tested on 4 examples");
    }
}
