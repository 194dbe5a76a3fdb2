package dev.fenlei.lora.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Processes that are killed end, after all, where an undisturbed one does. `-Dfenlei.kills=100` kills more of them.
@Timeout(value = 20, unit = TimeUnit.MINUTES)
class KillTest {

    private static final int KILLS = Integer.getInteger("fenlei.kills", 5);

    @TempDir
    static Path folder;

    private static byte[] undisturbed = {};
    private static String history = "";

    private final Path log = folder.resolve("log");

    @BeforeAll
    static void runUndisturbed() throws IOException {
        Path run = folder.resolve("undisturbed");
        FineTuning.Result result = TinyRun.in(folder).go(run, new FineTuning.Observer() {
        });
        assertThat(result.steps()).isEqualTo(TinyRun.STEPS);
        undisturbed = TinyRun.adapter(run);
        history = course(run);
    }

    /// What happened, without what depends on the machine.
    private static String course(Path run) throws IOException {
        return String.join(
                "\n",
                MetricsLog.read(run.resolve("metrics.jsonl")).stream()
                        .map(line -> line.path("step") + " " + line.path("loss") + " " + line.path("validation_nll"))
                        .toList());
    }

    private Process start(Path run, Object... more) throws IOException {
        Object[] args = new Object[2 + more.length];
        args[0] = folder;
        args[1] = run;
        System.arraycopy(more, 0, args, 2, more.length);
        return TinyRunProcess.start(List.of(), log, args);
    }

    private void assertEndsAsUndisturbed(Path run) throws Exception {
        assertThat(start(run).waitFor()).as(() -> read(log)).isZero();
        assertThat(TinyRun.adapter(run)).isEqualTo(undisturbed);
        assertThat(course(run)).isEqualTo(history);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    @Test
    void killsAtRandomMomentsChangeNothing() throws Exception {
        long begin = System.nanoTime();
        assertEndsAsUndisturbed(folder.resolve("timed"));
        long whole = System.nanoTime() - begin;
        Random random = new Random(1);
        int kills = 0;
        for (int number = 0; kills < KILLS; number++) {
            Path run = folder.resolve("killed" + number);
            boolean ended = false;
            for (int attempt = 0; !ended && kills < KILLS && attempt < 10; attempt++) {
                Process process = start(run);
                ended = process.waitFor((long) (random.nextDouble() * whole), TimeUnit.NANOSECONDS);
                if (!ended) {
                    process.destroyForcibly().waitFor();
                    kills++;
                }
            }
            assertEndsAsUndisturbed(run);
        }
    }

    @Test
    void aKillInsideEveryStageOfSavingChangesNothing() throws Exception {
        Path run = folder.resolve("stages");
        for (Checkpoints.Stage stage : Checkpoints.Stage.values()) {
            assertThat(start(run, stage, 1).waitFor()).as(() -> stage + read(log)).isEqualTo(137);
        }
        assertEndsAsUndisturbed(run);
    }

    @Test
    void aDiskThatIsFullKeepsTheOldCheckpoint() throws Exception {
        Path run = folder.resolve("full");
        assertThat(start(run, Checkpoints.Stage.OLD_REMOVED, 2).waitFor()).isEqualTo(137);
        Checkpoints checkpoints = new Checkpoints(run.resolve("checkpoints"));
        Path before = checkpoints.newest(_ -> {}).orElseThrow();
        // No file may grow beyond 16 KiB, which the optimizer's does.
        Process limited = TinyRunProcess.start(
                List.of("bash", "-c", "ulimit -f 16; exec \"$@\"", "bash"), folder.resolve("out"), folder, run);
        assertThat(limited.waitFor()).isEqualTo(1);
        assertThat(checkpoints.newest(_ -> {})).contains(before);
        assertEndsAsUndisturbed(run);
    }
}
