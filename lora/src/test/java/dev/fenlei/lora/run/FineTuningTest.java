package dev.fenlei.lora.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingException;
import dev.fenlei.lora.train.TrainingSettings;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.IntConsumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FineTuningTest {

    private static final FineTuning.Observer NOBODY = new FineTuning.Observer() {
    };

    @TempDir
    Path folder;

    private TinyRun tiny;

    @BeforeEach
    void prepare() throws IOException {
        tiny = TinyRun.in(folder);
    }

    /// Stops after a step, once.
    private static FineTuning.Observer stopAfter(int last) {
        return new FineTuning.Observer() {
            @Override
            public boolean onStep(Trainer.Step step, double tokensPerSecond) {
                return step.step() != last;
            }
        };
    }

    @Test
    void aRunInterruptedAtAnyStepEndsInTheSameAdapter() throws IOException {
        FineTuning.Result whole = tiny.go(folder.resolve("whole"), NOBODY);
        for (int step : new int[] {1, 3, 8, 23}) {
            Path run = folder.resolve("run" + step);
            FineTuning.Result stopped = tiny.go(run, stopAfter(step));
            assertThat(stopped.end()).isEqualTo(FineTuning.End.INTERRUPTED);
            assertThat(stopped.steps()).isEqualTo(step);
            FineTuning.Result resumed = tiny.go(run, NOBODY);
            assertThat(resumed).isEqualTo(whole);
            assertThat(TinyRun.adapter(run)).isEqualTo(TinyRun.adapter(folder.resolve("whole")));
        }
    }

    @Test
    void theBestAdapterIsTheResultAndPatienceEndsTheRun() throws IOException {
        // Too high a rate: it gets worse.
        tiny.settings = TrainingSettings.of(6, 2, 1, 0.3, 11);
        tiny.plan = new RunPlan(4, 0, RunPlan.DEFAULT.saveInterval(), 1, ValidationMetric.NLL, 3);
        Path run = folder.resolve("run");
        FineTuning.Result result = tiny.go(run, NOBODY);
        assertThat(result.end()).isEqualTo(FineTuning.End.STOPPED_EARLY);
        ValidationScore best = Objects.requireNonNull(result.best());
        List<Double> nll = result.scores().stream().map(ValidationScore::nll).toList();
        assertThat(best.nll()).isEqualTo(nll.stream().mapToDouble(Double::doubleValue).min().orElseThrow());
        assertThat(result.scores().indexOf(best)).isEqualTo(result.scores().size() - 4);
        Path kept = new Checkpoints(run.resolve("checkpoints")).of(best.step()).orElseThrow();
        assertThat(Files.readAllBytes(kept.resolve("adapter/adapter_model.safetensors")))
                .isEqualTo(TinyRun.adapter(run));
        // Killed before the result was written, it does not train on.
        assertThat(tiny.go(run, NOBODY)).isEqualTo(result);
    }

    @Test
    void anObserverPrunesByIntermediateScores() throws IOException {
        List<ValidationScore> seen = new ArrayList<>();
        Path run = folder.resolve("run");
        FineTuning.Result result = tiny.go(run, new FineTuning.Observer() {
            @Override
            public boolean onValidation(ValidationScore score, boolean best) {
                seen.add(score);
                return seen.size() < 2;
            }
        });
        assertThat(result.end()).isEqualTo(FineTuning.End.PRUNED);
        assertThat(result.steps()).isEqualTo(6);
        assertThat(result.scores()).isEqualTo(seen);
        assertThat(run.resolve("adapter")).doesNotExist();
    }

    @Test
    void aValidationThatFailsLosesNoStep() throws IOException {
        Path run = folder.resolve("run");
        assertThatThrownBy(() -> tiny.go(run, new FineTuning.Observer() {
            @Override
            public IntConsumer onValidationStart(int rows) {
                throw new IllegalStateException("no");
            }
        })).hasMessage("no");
        assertThat(newest(run)).hasFileName("step-00000003");
        FineTuning.Result resumed = tiny.go(run, NOBODY);
        assertThat(resumed).isEqualTo(tiny.go(folder.resolve("whole"), NOBODY));
    }

    @Test
    void aLossThatIsNoNumberNamesStepAndExamples() throws IOException {
        tiny.settings = TrainingSettings.of(3, 2, 1, 1e30, 11);
        Path run = folder.resolve("run");
        assertThatThrownBy(() -> tiny.go(run, NOBODY))
                .isInstanceOf(TrainingException.class)
                .hasMessageMatching("step 2: the (loss|gradient norm) is .*a lower learning rate may help. "
                        + "The examples of this step: (id\\d+|line \\d+), (id\\d+|line \\d+)");
    }

    @Test
    void withoutValidationDataTheLastAdapterIsTheResult() throws IOException {
        DataSet data = TinyRun.data();
        DataSet bare = new DataSet(data.source(), data.train(), List.of(), data.validation(), data.labels());
        FineTuning.Result result = tiny.go(folder.resolve("run"), bare, new FineTuning.Observer() {
            @Override
            public IntConsumer onValidationStart(int rows) {
                throw new AssertionError("the test data is not for this");
            }
        });
        assertThat(result.end()).isEqualTo(FineTuning.End.COMPLETED);
        assertThat(result.best()).isNull();
        assertThat(TinyRun.adapter(folder.resolve("run"))).isNotEmpty();
    }

    @Test
    void aWriteThatFailsKeepsTheOldCheckpointAndTheRunGoesOnFromIt() throws IOException {
        for (Checkpoints.Stage stage : List.of(
                Checkpoints.Stage.STARTED, Checkpoints.Stage.CONTENT_WRITTEN, Checkpoints.Stage.MANIFEST_WRITTEN)) {
            Path run = folder.resolve(stage.name());
            int[] saves = {0};
            tiny.checkpoints = _ -> new Checkpoints(run.resolve("checkpoints"), reached -> {
                if (reached == stage && ++saves[0] == 3) {
                    throw new FileSystemException("x", null, "No space left on device");
                }
            });
            assertThatThrownBy(() -> tiny.go(run, NOBODY)).hasMessageContaining("No space left");
            assertThat(newest(run)).hasFileName("step-00000003");
            try (var left = Files.list(run.resolve("checkpoints"))) {
                assertThat(left).noneMatch(path -> path.toString().endsWith(".tmp"));
            }
            tiny.checkpoints = old -> old;
            tiny.go(run, NOBODY);
            Path whole = folder.resolve("whole-" + stage);
            tiny.go(whole, NOBODY);
            assertThat(TinyRun.adapter(run)).isEqualTo(TinyRun.adapter(whole));
        }
    }

    @Test
    void aDamagedCheckpointIsTold_AndTheOneBeforeItUsed() throws IOException {
        tiny.plan = new RunPlan(3, 2, RunPlan.DEFAULT.saveInterval(), 3, ValidationMetric.NLL, 0);
        Path run = folder.resolve("run");
        tiny.go(run, stopAfter(9));
        Path newest = newest(run);
        Path file = newest.resolve("optimizer.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length / 2] ^= 1;
        Files.write(file, bytes, StandardOpenOption.TRUNCATE_EXISTING);
        List<String> messages = new ArrayList<>();
        tiny.go(run, new FineTuning.Observer() {
            @Override
            public void onMessage(String message) {
                messages.add(message);
            }
        });
        assertThat(messages)
                .containsExactly(newest + " is damaged (optimizer.safetensors is not what was written) and not used");
        Path whole = folder.resolve("whole");
        tiny.go(whole, NOBODY);
        assertThat(TinyRun.adapter(run)).isEqualTo(TinyRun.adapter(whole));
    }

    @Test
    void aCheckpointOfOtherSettingsIsRefused() throws IOException {
        Path run = folder.resolve("run");
        tiny.go(run, stopAfter(4));
        tiny.settings = TrainingSettings.of(3, 2, 2, 2e-2, 12);
        assertThatThrownBy(() -> tiny.go(run, NOBODY))
                .isInstanceOf(RunException.class)
                .hasMessageContaining("of other settings");
    }

    @Test
    void twoProcessesCannotWriteOneRun() throws IOException {
        Path run = folder.resolve("run");
        tiny.go(run, stopAfter(1));
        try (RunFolder open = RunFolder.open(run)) {
            assertThatThrownBy(() -> RunFolder.open(open.path()))
                    .isInstanceOf(RunException.class)
                    .hasMessageContaining("another process");
        }
    }

    private static Path newest(Path run) throws IOException {
        return new Checkpoints(run.resolve("checkpoints")).newest(message -> {
            throw new AssertionError(message);
        }).orElseThrow();
    }
}
