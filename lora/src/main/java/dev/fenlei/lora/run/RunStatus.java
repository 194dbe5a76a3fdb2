package dev.fenlei.lora.run;

import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `status.json`: what a run was doing when it last said so, and which process it is.
///
/// @param phase what it says of itself
/// @param step optimizer steps done
/// @param totalSteps how many there will be
/// @param updated when it last got on
/// @param longestBeat the longest time in which it did not say so, while all was well
/// @param pid of its process
/// @param processStarted when that process began, as another may get the same number later
/// @param host where it runs
/// @param error why it failed
public record RunStatus(
        Phase phase,
        int step,
        int totalSteps,
        Instant updated,
        Duration longestBeat,
        long pid,
        @Nullable Instant processStarted,
        String host,
        @Nullable String error) {

    /// What a run says of itself.
    public enum Phase {
        TRAINING, EVALUATING, FINISHED, FAILED, INTERRUPTED
    }

    /// What is true of a run.
    public enum State {
        /// Its process is there and gets on.
        RUNNING,
        /// Its process is there, but has not got on for much longer than it ever took.
        STALLED,
        /// It came to its end.
        FINISHED,
        /// It was stopped, and can be resumed.
        INTERRUPTED,
        /// It ended with an error.
        FAILED,
        /// Its process is gone without a word.
        CRASHED
    }

    static final String FILE = "status.json";

    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int BEATS = 5;

    /// What is true now.
    public State state() {
        return state(Instant.now());
    }

    State state(Instant now) {
        return switch (phase) {
            case FINISHED -> State.FINISHED;
            case FAILED -> State.FAILED;
            case INTERRUPTED -> State.INTERRUPTED;
            case TRAINING, EVALUATING -> {
                if (host.equals(hostName()) && !processIsThere()) {
                    yield State.CRASHED;
                }
                Duration patience = longestBeat.multipliedBy(BEATS);
                patience = patience.compareTo(PATIENCE) < 0 ? PATIENCE : patience;
                yield Duration.between(updated, now).compareTo(patience) > 0 ? State.STALLED : State.RUNNING;
            }
        };
    }

    private boolean processIsThere() {
        return ProcessHandle.of(pid)
                .filter(ProcessHandle::isAlive)
                .filter(process -> processStarted == null
                        || process.info().startInstant().map(processStarted::equals).orElse(true))
                .isPresent();
    }

    /// Reads the status of a run folder; empty if it has none that can be read.
    public static Optional<RunStatus> read(Path run) {
        try {
            JsonNode json = JsonMapper.shared().readTree(Files.readString(run.resolve(FILE)));
            String started = json.path("process_started").asString("");
            return Optional.of(new RunStatus(
                    Phase.valueOf(json.path("phase").asString("")),
                    json.path("step").asInt(0),
                    json.path("total_steps").asInt(0),
                    Instant.parse(json.path("updated").asString("")),
                    Duration.ofMillis(json.path("longest_beat_millis").asLong(0)),
                    json.path("pid").asLong(0),
                    started.isEmpty() ? null : Instant.parse(started),
                    json.path("host").asString(""),
                    json.path("error").asString(null)));
        } catch (IOException | JacksonException | IllegalArgumentException | java.time.DateTimeException e) {
            return Optional.empty();
        }
    }

    /// Writes the status into a run folder, whole but not forced to disk: it is of no use after a power failure.
    void write(Path run) throws IOException {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("phase", phase.name());
        json.put("step", step);
        json.put("total_steps", totalSteps);
        json.put("updated", updated.toString());
        json.put("longest_beat_millis", longestBeat.toMillis());
        json.put("pid", pid);
        json.put("process_started", processStarted == null ? null : processStarted.toString());
        json.put("host", host);
        json.put("error", error);
        Path temporary = run.resolve(FILE + ".tmp");
        Files.writeString(temporary, JsonMapper.shared().writeValueAsString(json));
        Files.move(
                temporary, run.resolve(FILE), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "";
        }
    }
}
