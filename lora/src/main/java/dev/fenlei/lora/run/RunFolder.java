package dev.fenlei.lora.run;

import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.data.DataSet;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The folder of one training run: what was asked, what happened, what came out. One process at a time has it open.
///
/// | in it | what |
/// |---|---|
/// | `run.json` | settings, hashes of data and model, versions, hardware, command |
/// | `metrics.jsonl` | every step and every validation; see [MetricsLog] |
/// | `data.json` | what the data looks like |
/// | `status.json` | whether it is running; see [RunStatus] |
/// | `checkpoints/` | where to go on from; see [Checkpoints] |
/// | `adapter/` | the result, in PEFT form |
public final class RunFolder implements AutoCloseable {

    /// Where runs are kept unless a folder is named.
    public static final Path RUNS = Path.of("runs");

    private static final DateTimeFormatter NAME = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");
    private static final String RUN = "run.json";
    private static final Set<String> UNPLOTTED = Set.of("step", "epoch", "time");

    private final Path path;
    private final FileChannel lock;
    private final MetricsLog metrics;
    private final Heartbeat heartbeat;
    private @Nullable EventFile events;

    private RunFolder(Path path) throws IOException {
        this.path = path;
        this.lock = lock(path);
        try {
            this.metrics = new MetricsLog(path.resolve("metrics.jsonl"));
        } catch (IOException e) {
            lock.close();
            throw e;
        }
        this.heartbeat = new Heartbeat(path);
    }

    /// Makes the folder of a new run.
    ///
    /// @param wanted the folder to use; null makes one under [#RUNS]
    /// @throws RunException if the folder holds a run already
    public static RunFolder create(@Nullable Path wanted) throws IOException {
        Path path = wanted;
        if (path == null) {
            String name = NAME.format(LocalDateTime.now());
            path = RUNS.resolve(name);
            for (int i = 2; Files.exists(path); i++) {
                path = RUNS.resolve(name + "-" + i);
            }
        }
        if (Files.isRegularFile(path)) {
            throw new RunException(path + " is a file; --out names a folder");
        }
        if (Files.exists(path.resolve(RUN))) {
            throw new RunException(
                    path + " holds a run already; choose another --out, go on with --resume, or remove it");
        }
        Files.createDirectories(path);
        return new RunFolder(path);
    }

    /// Opens the folder of a run, to go on with it.
    ///
    /// @throws RunException if there is no run in it, or another process has it open
    public static RunFolder open(Path path) throws IOException {
        readRun(path);
        return new RunFolder(path);
    }

    /// What `run.json` of a run folder says.
    ///
    /// @throws RunException if the folder holds no run
    public static JsonNode readRun(Path path) throws IOException {
        Path file = path.resolve(RUN);
        if (!Files.exists(file)) {
            throw new RunException(path + " holds no run: there is no " + RUN + " in it");
        }
        try {
            return JsonMapper.shared().readTree(Files.readString(file));
        } catch (JacksonException e) {
            throw new RunException(file + ": malformed JSON: " + e.getOriginalMessage());
        }
    }

    /// The youngest run under a folder that has not finished and is not being worked on.
    public static Optional<Path> newestUnfinished(Path runs) throws IOException {
        if (!Files.isDirectory(runs)) {
            return Optional.empty();
        }
        try (Stream<Path> list = Files.list(runs)) {
            return list.filter(run -> Files.exists(run.resolve(RUN)))
                    .filter(RunFolder::canGoOn)
                    .max(Comparator.comparing(RunFolder::started).thenComparing(Comparator.naturalOrder()));
        }
    }

    private static boolean canGoOn(Path run) {
        return RunStatus.read(run).map(status -> switch (status.state()) {
            case CRASHED, FAILED, INTERRUPTED -> true;
            case RUNNING, STALLED, FINISHED -> false;
        }).orElse(true);
    }

    private static String started(Path run) {
        try {
            return readRun(run).path("started").asString("");
        } catch (IOException | RunException e) {
            return "";
        }
    }

    private static FileChannel lock(Path path) throws IOException {
        FileChannel channel = FileChannel.open(
                path.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                return channel;
            }
        } catch (OverlappingFileLockException _) {
            // this process has it open itself
        }
        channel.close();
        throw new RunException(path + " is being written by another process; wait for it or stop it");
    }

    /// The folder.
    public Path path() {
        return path;
    }

    /// Where the result goes.
    public Path adapter() {
        return path.resolve("adapter");
    }

    /// Where to go on from.
    public Checkpoints checkpoints() {
        return new Checkpoints(path.resolve("checkpoints"));
    }

    /// What happened.
    public MetricsLog metrics() {
        return metrics;
    }

    /// Writes event files for TensorBoard from now on, into `tensorboard/`.
    ///
    /// @param step the steps done; what older event files hold beyond them counts no more
    public void startTensorBoard(int step) throws IOException {
        events = EventFile.create(path.resolve("tensorboard"), step);
    }

    /// Adds a line to [#metrics], and its numbers to the event file if there is one.
    ///
    /// @param line holds `step`
    public void record(Map<String, ?> line) throws IOException {
        metrics.append(line);
        if (events != null && line.get("step") instanceof Integer step) {
            Map<String, Double> scalars = new LinkedHashMap<>();
            line.forEach((key, value) -> {
                if (value instanceof Number number && !UNPLOTTED.contains(key)) {
                    scalars.put(tag(key), number.doubleValue());
                }
            });
            events.write(step, scalars);
        }
    }

    private static String tag(String key) {
        if (key.startsWith("validation_")) {
            return key.replaceFirst("_", "/");
        }
        return (key.endsWith("_bytes") || key.endsWith("_cpu_load") ? "system/" : "train/") + key;
    }

    /// Writes `data.json`: class balance, lengths, duplicates, and texts of the test data that are in the training data too.
    ///
    /// @return how many there are of the latter
    public int describe(DataSet data) throws IOException {
        return DataOverview.write(data, path);
    }

    /// What tells others that the run goes on.
    public Heartbeat heartbeat() {
        return heartbeat;
    }

    /// Writes `run.json`: settings, hashes of data and model, versions, hardware.
    ///
    /// @param settings what was trained with
    /// @param options of the command, all of them, from which it can be given again
    public void writeRun(Map<String, ?> settings, List<String> options, Path model, Path data) throws IOException {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("started", Instant.now().toString());
        json.put("settings", settings);
        json.put("options", options);
        json.put("folder", Path.of("").toAbsolutePath().toString());
        json.put("data", data.toString());
        json.put("data_sha256", Sha256.of(data));
        json.put("model", model.toString());
        json.put("model_config_sha256", Sha256.of(model.resolve("config.json")));
        json.put("fenlei_version", version());
        json.put("java", Runtime.version().toString());
        json.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        json.put("processors", Runtime.getRuntime().availableProcessors());
        json.put("vector_bits", CpuBackend.vectorBits());
        json.put("command", ProcessHandle.current().info().arguments().map(List::of).orElse(List.of()));
        DurableFiles.writeJson(path.resolve(RUN), json);
    }

    /// Makes sure that a run goes on with what it began with.
    ///
    /// @throws RunException if data or model are others
    public void requireUnchanged(Path model, Path data) throws IOException {
        JsonNode run = readRun(path);
        if (!run.path("data_sha256").asString("").equals(Sha256.of(data))) {
            throw new RunException(data + " is not what the run in " + path + " began with; begin a new run");
        }
        if (!run.path("model_config_sha256").asString("").equals(Sha256.of(model.resolve("config.json")))) {
            throw new RunException(model + " is not the model that the run in " + path + " began with");
        }
    }

    private static @Nullable String version() {
        return RunFolder.class.getPackage().getImplementationVersion();
    }

    @Override
    public void close() throws IOException {
        try (lock; metrics) {
            if (events != null) {
                events.close();
            }
        }
    }
}
