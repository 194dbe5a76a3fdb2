package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.lora.search.Study;
import dev.fenlei.lora.search.StudyState;
import dev.fenlei.lora.search.Trial;
import dev.fenlei.lora.search.TrialState;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/// Searches on a tiny model and a few texts.
@Timeout(180)
class SearchCommandTest {

    @TempDir
    private static Path shared;

    @TempDir
    private Path folder;

    private static Path model;
    private static Path data;

    @BeforeAll
    static void makeModelAndData() throws IOException {
        model = TinyModel.pretrain(shared, 256);
        data = Files.createDirectory(shared.resolve("data"));
        Files.write(data.resolve("train.jsonl"), rows(32));
        Files.write(data.resolve("valid.jsonl"), rows(8));
        Files.writeString(data.resolve("test.jsonl"), "{\"text\": \"never looked at\", \"label\": \"好\"}\n");
    }

    private static List<String> rows(int count) {
        return IntStream.range(0, count)
                .mapToObj(i -> "{\"text\": \"第" + i + (i % 2 == 0 ? "天气 hello" : "weather 很好") + "\", \"label\": \""
                        + (i % 2 == 0 ? "好" : "坏") + "\"}")
                .toList();
    }

    private Path journal() {
        return folder.resolve("s.journal");
    }

    private List<Object> arguments(Object... more) {
        List<Object> arguments = new ArrayList<>(List.of(
                "search", "--model", model, "--data", data, "--storage", journal(), "--candidates", "all", "--threads",
                2,
                "--epochs", 1, "--target-modules", "q_proj", "--max-length", 224));
        arguments.addAll(Arrays.asList(more));
        return arguments;
    }

    private CommandRun search(Object... more) {
        return CommandRun.of(arguments(more).toArray());
    }

    private StudyState study() throws IOException {
        return Study.read(journal(), "search");
    }

    private Path space(String... lines) throws IOException {
        return Files.write(folder.resolve("space.yaml"), List.of(lines));
    }

    @Test
    void aSearchEndsWithTheBestAndTheCommandThatUsesIt() throws Exception {
        CommandRun run = search("--trials", 4, "--startup-trials", 2);
        assertThat(run.status()).as(run.err()).isZero();
        JsonNode json = run.json();
        StudyState study = study();
        assertThat(study.trials(TrialState.COMPLETE)).hasSize(4);
        Trial best = study.best().orElseThrow();
        assertThat(json.path("best").path("trial").asInt()).isEqualTo(best.number());
        assertThat(json.path("best").path("value").asDouble()).isEqualTo(best.value());
        assertThat(json.path("trials").path("complete").asInt()).isEqualTo(4);
        // The first trial is what train would do.
        assertThat(study.trials().getFirst().externalParameters().get("learning_rate").asDouble()).isEqualTo(2e-3);
        assertThat(study.trials()).allSatisfy(trial -> {
            assertThat(trial.intermediate().keySet()).containsExactly(1, 2); // two reports in one epoch
            assertThat(trial.userAttributes()).containsKeys("validation_macro_f1", "validation_nll");
        });
        assertThat(run.err()).contains("train with the best:").contains("macro-f1");
        Path folder = Study.folder(journal(), "search");
        assertThat(Files.readString(folder.resolve("study.html"))).contains("--lora-r=");
        assertThat(folder.resolve("trial-0000").resolve("adapter").resolve("adapter_model.safetensors")).exists();
        assertThat(folder.resolve("trial-0000").resolve("checkpoints").resolve("step-00000008")).doesNotExist();

        List<String> words = new ArrayList<>();
        json.path("train").forEach(word -> words.add(word.asString()));
        words.addAll(List.of("--out", this.folder.resolve("run").toString(), "--baseline", "0", "--eval-steps", "4"));
        CommandRun train = CommandRun.of(words.toArray());
        assertThat(train.status()).as(train.err()).isZero();
        CommandRun byFile = CommandRun.of(
                "train", "--model", model, "--data", data, "--config", folder.resolve("best_hyperparams.json"), "--out",
                this.folder.resolve("run2"), "--baseline", 0);
        assertThat(byFile.status()).as(byFile.err()).isZero();
    }

    @Test
    void theSameCommandGoesOnUntilThereAreAsManyTrialsAsWanted() throws Exception {
        assertThat(search("--trials", 2).status()).isZero();
        StudyState before = study();
        CommandRun again = search("--trials", 2);
        assertThat(again.status()).as(again.err()).isZero();
        assertThat(study()).isEqualTo(before);
        CommandRun more = search("--trials", 3);
        assertThat(more.status()).as(more.err()).isZero();
        assertThat(study().trials()).hasSize(3);
        CommandRun other = search("--trials", 3, "--weight-decay", 0.5);
        assertThat(other.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(other.err()).contains("--weight-decay=0.5").contains("choose another --study");
    }

    @Test
    void everyPointOfAGridIsTried() throws Exception {
        Path file = space("lora_r: {type: int, low: 2, high: 3}", "schedule: [linear, cosine]");
        CommandRun run = search("--space", file, "--sampler", "grid", "--trials", 50);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(study().trials().stream().map(Trial::externalParameters).map(Object::toString).distinct())
                .hasSize(4);
        assertThat(study().trials()).hasSize(4);
        assertThat(run.err()).contains("what train would use is not in the space");
    }

    @Test
    void aTrialWhosePointIsImpossibleFailsAndTheSearchGoesOn() throws Exception {
        Path file = space("target_modules: [q_proj, no_such_module]");
        List<Object> arguments = arguments("--space", file, "--sampler", "grid", "--trials", 5);
        int at = arguments.indexOf("--target-modules");
        arguments.remove(at);
        arguments.remove(at);
        CommandRun run = CommandRun.of(arguments.toArray());
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(study().trials(TrialState.FAIL)).hasSize(1);
        assertThat(study().trials(TrialState.FAIL).getFirst().userAttributes().get("error").asString())
                .contains("target_modules matches no module");
        assertThat(study().trials(TrialState.COMPLETE)).hasSize(1);
    }

    @Test
    void severalJobsShareTheWork() throws Exception {
        CommandRun run = search("--trials", 5, "--jobs", 2, "--sampler", "random", "--pruner", "none");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(study().trials(TrialState.COMPLETE)).hasSize(5);
    }

    @Test
    void aSearchBySmallestLossMinimizes() throws Exception {
        CommandRun run = search("--trials", 3, "--metric", "nll");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.json().path("direction").asString()).isEqualTo("minimize");
        StudyState study = study();
        double least = study.trials().stream().mapToDouble(Trial::value).min().orElseThrow();
        assertThat(study.best().orElseThrow().value()).isEqualTo(least);
        assertThat(study.best().orElseThrow().userAttributes().get("validation_nll").asDouble()).isEqualTo(least);
    }

    /// Asked to stop in the middle of a trial, and called again: what comes out is what would have come out.
    @Test
    void anInterruptedTrialIsGoneOnWith() throws Exception {
        assertThat(search("--trials", 3).status()).isZero();
        StudyState whole = study();
        Path other = folder.resolve("other.journal");
        Interruption interruption = new Interruption(Duration.ZERO);
        Thread stopper = Thread.ofVirtual().start(() -> {
            Path metrics = Study.trialFolder(Study.folder(other, "search"), 1).resolve("metrics.jsonl");
            while (!Thread.currentThread().isInterrupted()) {
                if (Files.exists(metrics)) {
                    interruption.request();
                    return;
                }
                Thread.onSpinWait();
            }
        });
        List<Object> arguments = arguments("--trials", 3);
        arguments.set(arguments.indexOf("--storage") + 1, other);
        CommandRun stopped = CommandRun.of(interruption, arguments.toArray());
        stopper.interrupt();
        assertThat(stopped.status()).as(stopped.err()).isEqualTo(FenleiCommand.INTERRUPTED);
        assertThat(stopped.err()).contains("the same command goes on");
        assertThat(Study.read(other, "search").trials(TrialState.RUNNING)).hasSize(1);
        CommandRun again = CommandRun.of(arguments.toArray());
        assertThat(again.status()).as(again.err()).isZero();
        assertSame(Study.read(other, "search"), whole);
    }

    private static void assertSame(StudyState actual, StudyState expected) {
        assertThat(actual.trials()).hasSameSizeAs(expected.trials());
        for (int i = 0; i < expected.trials().size(); i++) {
            Trial a = actual.trials().get(i);
            Trial e = expected.trials().get(i);
            assertThat(a.parameters()).isEqualTo(e.parameters());
            assertThat(a.state()).isEqualTo(e.state());
            assertThat(a.value()).isEqualTo(e.value());
            assertThat(a.intermediate()).isEqualTo(e.intermediate());
        }
    }

    /// SIGKILL at random moments; the last call ends in the same study, number for number.
    @Test
    void aKilledSearchEndsAsIfItHadNotBeenKilled() throws Exception {
        assertThat(search("--trials", 4, "--startup-trials", 2).status()).isZero();
        StudyState whole = study();
        Path other = folder.resolve("other.journal");
        List<Object> arguments = arguments("--trials", 4, "--startup-trials", 2);
        arguments.set(arguments.indexOf("--storage") + 1, other);
        Random random = new Random(7);
        for (int i = 0; i < 5; i++) {
            Process process = start(arguments);
            if (process.waitFor(1200 + random.nextInt(1500), TimeUnit.MILLISECONDS)) {
                break;
            }
            process.destroyForcibly().waitFor();
            Files.deleteIfExists(folder.resolve("other.journal.lock")); // as after the grace period
        }
        CommandRun last = CommandRun.of(arguments.toArray());
        assertThat(last.status()).as(last.err()).isZero();
        assertSame(Study.read(other, "search"), whole);
    }

    private Process start(List<Object> arguments) throws IOException {
        String classPath = Stream.of(
                System.getProperty("java.class.path"),
                Objects.requireNonNullElse(System.getProperty("jdk.module.path"), ""))
                .filter(part -> !part.isEmpty())
                .collect(Collectors.joining(File.pathSeparator));
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp", classPath,
                Fenlei.class.getName()));
        arguments.forEach(argument -> command.add(argument.toString()));
        return new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.appendTo(folder.resolve("killed.log").toFile()))
                .start();
    }

    private void assertRefused(String message, Object... more) {
        CommandRun run = search(more);
        assertThat(run.status()).isIn(FenleiCommand.FAILED, FenleiCommand.BAD_USAGE);
        assertThat(run.err()).contains(message);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void whatCannotBeSearchedIsRefusedWithItsPlace() throws Exception {
        assertRefused("space.yaml, line 2: the file has the parameter 'lora_rank', which is no option",
                "--space", space("lora_r: [2, 4]", "lora_rank: [2]"));
        assertRefused("line 1: the file must say 'type: float' or 'type: int' of 'lr'",
                "--space", space("lr: {low: 1, high: 2}"));
        assertRefused("line 1: the file has no 'high' for 'lr'", "--space", space("lr: {type: float, low: 1}"));
        assertRefused("low 2.0 is above high 1.0", "--space", space("lr: {type: float, low: 2, high: 1}"));
        assertRefused("must have a number instead of 'much'", "--space",
                space("lr: {type: float, low: 0, high: much}"));
        assertRefused("field 'hihg'", "--space", space("lr: {type: float, low: 0, hihg: 1}"));
        assertRefused("must say true or false", "--space", space("lr: {type: float, low: 1, high: 2, log: 3}"));
        assertRefused("choices", "--space", space("batch_size: []"));
        assertRefused("not valid YAML", "--space", space("batch_size: ["));
        assertRefused("must hold parameters", "--space", space("- 1"));
        assertRefused("--lora-r is given, but lora_r is searched", "--lora-r", 4);
        assertRefused("--lr is given, but learning_rate is searched", "--learning-rate", 1e-3);
        assertRefused("--trials", "--trials", 0);
        assertRefused("a study's name", "--study", "../x");
        assertRefused("expected a time such as 90s", "--timeout", "soon");
        Files.writeString(journal(), "this is no journal\nat all\n");
        assertRefused("s.journal, line 1 is not JSON");
        assertThat(Files.readString(journal())).isEqualTo("this is no journal\nat all\n");
    }

    @Test
    void whatThereIsToJudgeByIsNeverTheTestData() throws Exception {
        Path bare = Files.createDirectory(folder.resolve("bare"));
        Files.copy(data.resolve("train.jsonl"), bare.resolve("train.jsonl"));
        Files.copy(data.resolve("test.jsonl"), bare.resolve("test.jsonl"));
        List<Object> arguments = arguments("--trials", 1, "--valid-fraction", 0);
        arguments.set(arguments.indexOf("--data") + 1, bare);
        CommandRun refused = CommandRun.of(arguments.toArray());
        assertThat(refused.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(refused.err()).contains("nothing to judge by");
        arguments.set(arguments.indexOf("--valid-fraction") + 1, 0.25);
        CommandRun run = CommandRun.of(arguments.toArray());
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.err()).contains("24 training and 8 validation examples");
    }
}
