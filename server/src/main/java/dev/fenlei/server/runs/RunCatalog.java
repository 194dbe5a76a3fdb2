package dev.fenlei.server.runs;

import dev.fenlei.lora.run.RunException;
import dev.fenlei.lora.run.RunFolder;
import dev.fenlei.lora.run.RunStatus;
import dev.fenlei.server.http.ApiError;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The runs below one folder: what is known of each, and their deletion. Safe for many threads.
final class RunCatalog {

    private static final int MAX_RUNS = 1000;
    private static final long MAX_FILE_BYTES = 16 << 20;
    private static final String DOOMED = ".deleted";

    private record Read(Object version, @Nullable JsonNode json) {}

    private final Path root;
    private final Map<Path, Read> read = new ConcurrentHashMap<>();

    RunCatalog(Path root) {
        this.root = root;
    }

    /// What is known of every run, the youngest first, at most [#MAX_RUNS].
    List<Map<String, @Nullable Object>> list() throws IOException {
        if (!Files.isDirectory(root)) {
            return List.of();
        }
        List<Path> folders;
        try (Stream<Path> children = Files.list(root)) {
            folders = children.filter(RunCatalog::isRun)
                    .sorted(Comparator.comparing(Path::getFileName).reversed())
                    .limit(MAX_RUNS)
                    .toList();
        }
        return folders.stream()
                .map(this::describe)
                .sorted(Comparator.comparing(
                        (Map<String, @Nullable Object> run) -> String.valueOf(run.get("started"))).reversed())
                .toList();
    }

    private static boolean isRun(Path folder) {
        return Files.isRegularFile(folder.resolve("run.json")) && !folder.getFileName().toString().endsWith(DOOMED);
    }

    /// The folder of a run.
    ///
    /// @throws ApiError if there is none of that name
    Path find(String name) {
        // One name, not a way to another place.
        boolean plain = !name.isEmpty() && name.indexOf('/') < 0 && name.indexOf('\\') < 0 && name.indexOf('\0') < 0
                && !name.equals(".") && !name.equals("..");
        Path folder = plain ? root.resolve(name) : root;
        if (!plain || !isRun(folder)) {
            throw ApiError.notFound("name", "there is no run of this name");
        }
        return folder;
    }

    private Map<String, @Nullable Object> describe(Path folder) {
        Map<String, @Nullable Object> run = new LinkedHashMap<>();
        run.put("name", folder.getFileName().toString());
        try {
            JsonNode about = json(folder.resolve("run.json"));
            JsonNode evaluation = json(folder.resolve("evaluation.json"));
            JsonNode remarks = json(folder.resolve(Remarks.FILE));
            Optional<RunStatus> status = RunStatus.read(folder);
            RunStatus.State state = status.map(RunStatus::state)
                    .orElse(evaluation == null ? RunStatus.State.CRASHED : RunStatus.State.FINISHED);
            run.put("state", state.name());
            run.put("step", status.map(RunStatus::step).orElse(0));
            run.put("total_steps", status.map(RunStatus::totalSteps).orElse(0));
            run.put("updated", status.map(s -> s.updated().toString()).orElse(null));
            run.put("error", status.map(RunStatus::error).orElse(null));
            run.put("started", about == null ? null : about.path("started").asString(""));
            run.put("settings", about == null ? null : about.get("settings"));
            run.put("model", about == null ? null : about.get("model"));
            run.put("data", about == null ? null : about.get("data"));
            run.put("test", evaluation == null ? null : evaluation.path("metrics"));
            run.put("notes", remarks == null ? "" : remarks.path("notes").asString(""));
            run.put("tags", remarks == null ? List.of() : remarks.path("tags"));
        } catch (IOException | JacksonException e) {
            run.put("state", "UNREADABLE");
            run.put("error", e.getMessage());
        }
        return run;
    }

    /// A file's JSON, read again when it has changed; null if it is not there.
    private @Nullable JsonNode json(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            read.remove(file);
            return null;
        }
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        if (attributes.size() > MAX_FILE_BYTES) {
            throw new IOException(file.getFileName() + " is larger than " + MAX_FILE_BYTES + " bytes");
        }
        Object version = List.of(attributes.size(), attributes.lastModifiedTime());
        Read known = read.get(file);
        if (known == null || !known.version().equals(version)) {
            known = new Read(version, JsonMapper.shared().readTree(Files.readString(file)));
            read.put(file, known);
        }
        return known.json();
    }

    /// Deletes a run for good.
    ///
    /// @throws ApiError if a process is at work in it
    void delete(String name) throws IOException {
        Path folder = find(name);
        if (Files.isSymbolicLink(folder)) {
            Files.delete(folder);
            return;
        }
        Path doomed = folder.resolveSibling(folder.getFileName() + DOOMED);
        try (RunFolder _ = RunFolder.open(folder)) { // holds its lock
            RunStatus.read(folder).map(RunStatus::state).filter(RunCatalog::isAtWork).ifPresent(_ -> {
                throw ApiError.conflict("the run is going on; stop it first");
            });
            Files.move(folder, doomed, StandardCopyOption.ATOMIC_MOVE);
        } catch (RunException e) {
            throw ApiError.conflict(String.valueOf(e.getMessage()));
        }
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(doomed)) { // does not follow links
            paths = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : paths) {
            Files.delete(path);
        }
    }

    private static boolean isAtWork(RunStatus.State state) {
        return state == RunStatus.State.RUNNING || state == RunStatus.State.STALLED;
    }

    /// Whether a file is there, and no link to another place.
    static boolean isFile(Path file) {
        return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS);
    }
}
