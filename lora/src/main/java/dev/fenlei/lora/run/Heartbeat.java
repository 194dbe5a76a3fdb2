package dev.fenlei.lora.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/// Keeps `status.json` true while a run goes on: the thread that does the work says so itself, so that one that hangs falls
/// silent.
public final class Heartbeat {

    private static final Duration INTERVAL = Duration.ofSeconds(1);

    private final Path run;
    private final String host = RunStatus.hostName();
    private RunStatus.Phase phase = RunStatus.Phase.TRAINING;
    private int step;
    private int totalSteps;
    private Duration longest = Duration.ZERO;
    private Instant last = Instant.now();
    private Instant written = Instant.MIN;

    Heartbeat(Path run) {
        this.run = run;
    }

    /// The run got on: so many steps are done.
    public void step(int done, int total) {
        step = done;
        totalSteps = total;
        beat();
    }

    /// The run got on.
    ///
    /// @throws UncheckedIOException if that cannot be written
    public void beat() {
        Instant now = Instant.now();
        Duration since = Duration.between(last, now);
        longest = since.compareTo(longest) > 0 ? since : longest;
        last = now;
        if (written == Instant.MIN || Duration.between(written, now).compareTo(INTERVAL) >= 0) {
            try {
                write(null);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /// The run enters another phase.
    ///
    /// @param error why, if it failed
    public void phase(RunStatus.Phase next, @Nullable String error) throws IOException {
        phase = next;
        last = Instant.now();
        write(error);
    }

    private void write(@Nullable String error) throws IOException {
        written = last;
        ProcessHandle process = ProcessHandle.current();
        new RunStatus(phase, step, totalSteps, last, longest, process.pid(),
                process.info().startInstant().orElse(null), host, error).write(run);
    }
}
