package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `train` that is interrupted or fails, and `train --resume`.
class ResumeTest {

    @TempDir
    static Path folder;

    private static Path model = Path.of("");
    private static Path data = Path.of("");

    @BeforeAll
    static void prepare() throws IOException {
        model = TinyModel.pretrain(folder, 512);
        data = Files.createDirectories(folder.resolve("data"));
        Files.write(data.resolve("train.jsonl"), rows(40));
        Files.write(data.resolve("test.jsonl"), rows(6));
    }

    private static List<String> rows(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "{\"text\": \"天气" + i + "\", \"category\": [\"a\", \"b\"], \"output\": \""
                        + "ab".charAt(i % 2) + "\"}")
                .toList();
    }

    private static Object[] train(Path data, Path out, Object... more) {
        List<Object> args = new ArrayList<>(List.of(
                "train", "--model", model, "--data", data, "--out", out, "--lora-r", 2, "--epochs", 2,
                "--batch-size", 2, "--lora-dropout", 0.2));
        args.addAll(List.of(more));
        return args.toArray();
    }

    private static byte[] adapter(Path run) throws IOException {
        return Files.readAllBytes(run.resolve("adapter/adapter_model.safetensors"));
    }

    @Test
    void anInterruptedRunGoesOnWithTheSettingsItBeganWith() throws Exception {
        Path config = Files.writeString(folder.resolve("train.yaml"), "lr: 3e-3\nlora: {alpha: 8}\nseed: 5\n");
        Path whole = folder.resolve("whole");
        CommandRun undisturbed = CommandRun.of(train(data, whole, "--config", config));
        assertThat(undisturbed.status()).as(undisturbed.err()).isZero();
        assertThat(undisturbed.err()).contains("36 training, 4 validation, 6 test", "(best so far)");

        Path run = folder.resolve("interrupted");
        Interruption interruption = new Interruption(Duration.ofSeconds(60));
        Path metrics = run.resolve("metrics.jsonl");
        Thread user = Thread.ofPlatform().start(() -> {
            try {
                while (!Files.exists(metrics) || Files.readAllLines(metrics).size() < 4) {
                    Thread.onSpinWait();
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
            interruption.request();
        });
        CommandRun stopped = CommandRun.of(interruption, train(data, run, "--config", config));
        interruption.finish(stopped.status());
        user.join();
        assertThat(stopped.status()).as(stopped.err()).isEqualTo(FenleiCommand.INTERRUPTED);
        assertThat(stopped.err()).contains("go on with: train --resume " + run);
        assertThat(phase(run)).isEqualTo("INTERRUPTED");
        Files.delete(config);

        CommandRun other = CommandRun.of("train", "--resume", run, "--lr", 1);
        assertThat(other.status()).isEqualTo(FenleiCommand.BAD_USAGE);
        assertThat(other.err()).contains("leave out --lr");

        CommandRun resumed = CommandRun.of("train", "--resume", run, "--threads", 1);
        assertThat(resumed.status()).as(resumed.err()).isZero();
        assertThat(resumed.err()).contains("going on after step").doesNotContain("without adapter 1");
        assertThat(adapter(run)).isEqualTo(adapter(whole));
        assertThat(resumed.out()).isEqualTo(undisturbed.out());
        assertThat(phase(run)).isEqualTo("FINISHED");

        CommandRun again = CommandRun.of("train", "--resume", run);
        assertThat(again.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(again.err()).contains("has finished");
    }

    @Test
    void anEvaluationThatFailsLosesNoAdapter_AndIsDoneAgain() throws IOException {
        Path bad = Files.createDirectories(folder.resolve("bad"));
        Files.write(bad.resolve("train.jsonl"), rows(10));
        Files.writeString(
                bad.resolve("test.jsonl"), "{\"text\": \"x\", \"category\": [\"a\", \"b\"], \"output\": \"a\"}\n");
        Path run = folder.resolve("failing");
        CommandRun failed = CommandRun.of(train(bad, run, "--font", folder.resolve("no-font")));
        assertThat(failed.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(phase(run)).isEqualTo("FAILED");
        byte[] before = adapter(run);
        Files.copy(Path.of("/dev/null"), folder.resolve("no-font"));
        CommandRun again = CommandRun.of("train", "--resume", run);
        assertThat(again.err()).contains("going on after step");
        assertThat(adapter(run)).isEqualTo(before);
    }

    @Test
    void otherDataIsRefused() throws IOException {
        Path changing = Files.createDirectories(folder.resolve("changing"));
        Files.write(changing.resolve("train.jsonl"), rows(10));
        Path run = folder.resolve("changed");
        CommandRun diverged = CommandRun.of(train(changing, run, "--lr", 1e30));
        assertThat(diverged.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(diverged.err()).containsPattern("step \\d+: the .* The examples of this step: line \\d+, line \\d+");
        Files.write(changing.resolve("train.jsonl"), rows(12));
        CommandRun resumed = CommandRun.of("train", "--resume", run);
        assertThat(resumed.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(resumed.err()).contains(changing + " is not what the run in " + run + " began with");
    }

    @Test
    void whereThereIsNoRunNothingIsResumed() {
        CommandRun none = CommandRun.of("train", "--resume", folder.resolve("none"));
        assertThat(none.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(none.err()).contains("holds no run");
    }

    private static String phase(Path run) throws IOException {
        JsonNode status = JsonMapper.shared().readTree(Files.readString(run.resolve("status.json")));
        return status.path("phase").asString();
    }
}
