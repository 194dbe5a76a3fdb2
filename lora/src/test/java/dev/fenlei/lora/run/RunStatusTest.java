package dev.fenlei.lora.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunStatusTest {

    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

    @TempDir
    Path folder;

    private static RunStatus status(RunStatus.Phase phase, Instant updated, long pid, Duration beat) {
        Instant started = pid == ProcessHandle.current().pid()
                ? ProcessHandle.current().info().startInstant().orElse(null)
                : null;
        return new RunStatus(phase, 3, 9, updated, beat, pid, started, RunStatus.hostName(), null);
    }

    @Test
    void theStateTellsTheTruth() {
        long self = ProcessHandle.current().pid();
        Duration second = Duration.ofSeconds(1);
        assertThat(status(RunStatus.Phase.TRAINING, NOW.minusSeconds(50), self, second).state(NOW))
                .isEqualTo(RunStatus.State.RUNNING);
        assertThat(status(RunStatus.Phase.TRAINING, NOW.minusSeconds(61), self, second).state(NOW))
                .isEqualTo(RunStatus.State.STALLED);
        assertThat(status(RunStatus.Phase.TRAINING, NOW.minusSeconds(61), self, Duration.ofSeconds(20)).state(NOW))
                .as("it is slow").isEqualTo(RunStatus.State.RUNNING);
        assertThat(status(RunStatus.Phase.EVALUATING, NOW, Long.MAX_VALUE >> 1, second).state(NOW))
                .isEqualTo(RunStatus.State.CRASHED);
        assertThat(status(RunStatus.Phase.FINISHED, NOW.minusSeconds(9999), 1, second).state(NOW))
                .isEqualTo(RunStatus.State.FINISHED);
    }

    @Test
    void anotherProcessOfTheSameNumberIsNotTheRun() {
        RunStatus other = new RunStatus(
                RunStatus.Phase.TRAINING, 3, 9, NOW, Duration.ZERO, ProcessHandle.current().pid(),
                NOW.minusSeconds(1_000_000), RunStatus.hostName(), null);
        assertThat(other.state(NOW)).isEqualTo(RunStatus.State.CRASHED);
    }

    @Test
    void itIsReadAsItWasWritten() throws IOException {
        RunStatus status = new RunStatus(
                RunStatus.Phase.FAILED, 3, 9, NOW, Duration.ofMillis(1500), 7, NOW, "host", "磁盘已满");
        status.write(folder);
        assertThat(RunStatus.read(folder)).contains(status);
        Files.writeString(folder.resolve("status.json"), "{\"phase\": \"NEW\"}");
        assertThat(RunStatus.read(folder)).isEmpty();
    }
}
