package dev.fenlei.lora.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunFolderTest {

    @TempDir
    Path folder;

    private void run(String name, RunStatus.Phase phase) throws IOException {
        Path model = Files.createDirectories(folder.resolve("model"));
        Path config = Files.writeString(model.resolve("config.json"), "{}");
        try (RunFolder run = RunFolder.create(folder.resolve("runs").resolve(name))) {
            run.writeRun(Map.of(), List.of(), model, config);
            run.heartbeat().phase(phase, null);
        }
    }

    @Test
    void theYoungestRunThatHasNotFinishedGoesOn() throws IOException {
        Path runs = folder.resolve("runs");
        assertThat(RunFolder.newestUnfinished(runs)).isEmpty();
        run("old", RunStatus.Phase.FAILED);
        run("interrupted", RunStatus.Phase.INTERRUPTED);
        run("finished", RunStatus.Phase.FINISHED);
        run("going-on", RunStatus.Phase.TRAINING); // by this very process
        assertThat(RunFolder.newestUnfinished(runs)).contains(runs.resolve("interrupted"));
    }

    @Test
    void aFolderThatHoldsARunIsNotUsedForAnother() throws IOException {
        run("one", RunStatus.Phase.FINISHED);
        assertThatThrownBy(() -> run("one", RunStatus.Phase.TRAINING))
                .isInstanceOf(RunException.class)
                .hasMessageContaining("holds a run already")
                .hasMessageContaining("--resume");
        assertThatThrownBy(() -> RunFolder.open(folder))
                .isInstanceOf(RunException.class)
                .hasMessageContaining("holds no run");
    }

    @Test
    void otherDataAndAnotherModelAreNoticed() throws IOException {
        run("one", RunStatus.Phase.INTERRUPTED);
        Path model = folder.resolve("model");
        try (RunFolder run = RunFolder.open(folder.resolve("runs/one"))) {
            run.requireUnchanged(model, model.resolve("config.json"));
            Files.writeString(model.resolve("config.json"), "{ }");
            Path data = Files.writeString(folder.resolve("data"), "{}");
            assertThatThrownBy(() -> run.requireUnchanged(model, model.resolve("config.json")))
                    .hasMessageContaining("is not what the run");
            assertThatThrownBy(() -> run.requireUnchanged(model, data)).hasMessageContaining("is not the model");
        }
    }
}
