package dev.fenlei.lora.run;

import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The checkpoints of a run: one folder per step, `step-00000120`, each whole or absent.
///
/// A checkpoint is written into a folder of a temporary name, every file forced to disk, then a manifest with the SHA-256 of
/// each; the folder is forced to disk and renamed. Only afterwards are older ones removed, each by a rename first. So at any moment
/// of a kill or a power failure the newest complete checkpoint is there, and nothing incomplete looks like one.
public final class Checkpoints {

    /// Where a save has got to.
    enum Stage {
        STARTED, CONTENT_WRITTEN, MANIFEST_WRITTEN, FORCED, RENAMED, OLD_RENAMED, OLD_REMOVED
    }

    /// Hears of every stage of a save; what it throws ends the save there.
    @FunctionalInterface
    interface Probe {
        void reached(Stage stage) throws IOException;
    }

    /// Writes the files of a checkpoint into an empty folder, each forced to disk.
    @FunctionalInterface
    public interface Content {
        void writeTo(Path folder) throws IOException;
    }

    private static final String MANIFEST = "manifest.json";
    private static final long MAX_MANIFEST_BYTES = 1 << 20;
    private static final Pattern NAME = Pattern.compile("step-(\\d{8})");
    private static final String TEMPORARY = ".tmp";
    private static final String DOOMED = ".old";

    private final Path folder;
    private final Probe probe;

    /// @param folder that holds them; made at the first save
    public Checkpoints(Path folder) {
        this(folder, _ -> {});
    }

    Checkpoints(Path folder, Probe probe) {
        this.folder = folder;
        this.probe = probe;
    }

    /// Saves a checkpoint, unless that of the step is there and whole.
    ///
    /// @return its folder
    /// @throws IOException if it could not be written in full; those that were there are untouched then
    public Path save(int step, Content content) throws IOException {
        Files.createDirectories(folder);
        removeLeftovers();
        Path target = folder.resolve(String.format(Locale.ROOT, "step-%08d", step));
        if (of(step).isPresent()) {
            return target;
        }
        Path temporary = folder.resolve(target.getFileName() + TEMPORARY);
        try {
            Files.createDirectory(temporary);
            probe.reached(Stage.STARTED);
            content.writeTo(temporary);
            probe.reached(Stage.CONTENT_WRITTEN);
            writeManifest(temporary);
            probe.reached(Stage.MANIFEST_WRITTEN);
            DurableFiles.forceDirectory(temporary);
            probe.reached(Stage.FORCED);
        } catch (Throwable e) {
            try {
                remove(temporary);
            } catch (IOException second) {
                e.addSuppressed(second);
            }
            throw e;
        }
        if (Files.exists(target)) {
            discard(target); // it is damaged, see above
        }
        Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        DurableFiles.forceDirectory(folder);
        probe.reached(Stage.RENAMED);
        return target;
    }

    /// Removes all but the newest.
    ///
    /// @param keep how many of the newest stay
    /// @param pinned whether the checkpoint of a step stays anyway
    public void prune(int keep, IntPredicate pinned) throws IOException {
        int kept = 0;
        for (Map.Entry<Integer, Path> checkpoint : byStep().descendingMap().entrySet()) {
            if (kept++ >= keep && !pinned.test(checkpoint.getKey())) {
                discard(checkpoint.getValue());
            }
        }
    }

    /// The newest checkpoint that is whole.
    ///
    /// @param says is told of each that is damaged
    public Optional<Path> newest(Consumer<String> says) throws IOException {
        for (Path checkpoint : byStep().descendingMap().values()) {
            String damage = damage(checkpoint);
            if (damage.isEmpty()) {
                return Optional.of(checkpoint);
            }
            says.accept(checkpoint + " is damaged (" + damage + ") and not used");
        }
        return Optional.empty();
    }

    /// The checkpoint of a step, if it is there and whole.
    public Optional<Path> of(int step) throws IOException {
        Path checkpoint = byStep().get(step);
        return checkpoint != null && damage(checkpoint).isEmpty() ? Optional.of(checkpoint) : Optional.empty();
    }

    private TreeMap<Integer, Path> byStep() throws IOException {
        TreeMap<Integer, Path> byStep = new TreeMap<>();
        for (Path path : list(folder)) {
            Matcher name = NAME.matcher(path.getFileName().toString());
            if (name.matches()) {
                byStep.put(Integer.parseInt(name.group(1)), path);
            }
        }
        return byStep;
    }

    private void removeLeftovers() throws IOException {
        for (Path path : list(folder)) {
            String name = path.getFileName().toString();
            if (name.endsWith(TEMPORARY) || name.endsWith(DOOMED)) {
                remove(path);
            }
        }
    }

    private void discard(Path checkpoint) throws IOException {
        Path doomed = folder.resolve(checkpoint.getFileName() + DOOMED);
        Files.move(checkpoint, doomed, StandardCopyOption.ATOMIC_MOVE);
        probe.reached(Stage.OLD_RENAMED);
        remove(doomed);
        probe.reached(Stage.OLD_REMOVED);
    }

    private static void writeManifest(Path folder) throws IOException {
        Map<String, Object> files = new LinkedHashMap<>();
        for (Path file : files(folder)) {
            files.put(nameIn(folder, file), Sha256.of(file));
        }
        DurableFiles.write(
                folder.resolve(MANIFEST),
                JsonMapper.shared().writeValueAsString(Map.of("sha256", files)).getBytes(StandardCharsets.UTF_8));
    }

    /// What is wrong with a checkpoint; empty if nothing is.
    private static String damage(Path checkpoint) throws IOException {
        Path manifest = checkpoint.resolve(MANIFEST);
        if (!Files.exists(manifest) || Files.size(manifest) > MAX_MANIFEST_BYTES) {
            return "no " + MANIFEST;
        }
        JsonNode hashes;
        try {
            hashes = JsonMapper.shared().readTree(Files.readString(manifest)).path("sha256");
        } catch (JacksonException | IOException e) {
            return MANIFEST + " cannot be read";
        }
        TreeSet<String> missing = new TreeSet<>(hashes.propertyNames());
        if (missing.isEmpty()) {
            return MANIFEST + " names no files";
        }
        for (Path file : files(checkpoint)) {
            String name = nameIn(checkpoint, file);
            if (missing.remove(name) && !hashes.path(name).asString("").equals(Sha256.of(file))) {
                return name + " is not what was written";
            }
        }
        return missing.isEmpty() ? "" : missing.first() + " is missing";
    }

    private static String nameIn(Path folder, Path file) {
        return folder.relativize(file).toString().replace('\\', '/');
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> walk = Files.walk(folder)) {
            return walk.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private static List<Path> list(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.sorted().toList();
        }
    }

    private static void remove(Path tree) throws IOException {
        if (!Files.exists(tree)) {
            return;
        }
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(tree)) {
            paths = walk.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : paths) {
            Files.delete(path);
        }
    }
}
