package dev.fenlei.cli;

import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// The folder that holds the bundled tiny model and the sample data.
///
/// @param root the folder that holds `models/` and `data/`
public record Installation(Path root) {

    private static final Path TINY_MODEL = Path.of("models", "tiny");
    private static final Path SAMPLE_DATA = Path.of("data", "sample");

    /// The bundled model, in Hugging Face form.
    public Path tinyModel() {
        return root.resolve(TINY_MODEL);
    }

    /// The bundled data set: a folder with `train.*` and `test.*`.
    public Path sampleData() {
        return root.resolve(SAMPLE_DATA);
    }

    /// Finds the installation: the working directory, or a folder above the running jar.
    ///
    /// @throws UserErrorException if neither holds it
    public static Installation find() {
        return find(Path.of("").toAbsolutePath(), codeLocation());
    }

    static Installation find(Path workingDirectory, @Nullable Path code) {
        List<Path> candidates = new ArrayList<>();
        candidates.add(workingDirectory);
        // The jar is built into cli/target/, and may be copied beside the two folders or into a folder such as lib/.
        Path folder = code == null ? null : code.getParent();
        for (int level = 0; level < 3 && folder != null; level++) {
            candidates.add(folder);
            folder = folder.getParent();
        }
        for (Path candidate : candidates) {
            if (Files.isDirectory(candidate.resolve(TINY_MODEL)) && Files.isDirectory(candidate.resolve(SAMPLE_DATA))) {
                return new Installation(candidate);
            }
        }
        throw new UserErrorException("the bundled model (" + TINY_MODEL + ") and data (" + SAMPLE_DATA
                + ") were not found in "
                + candidates.stream().distinct().map(Path::toString).collect(Collectors.joining(", "))
                + ". Run Fenlei in its own folder, or name a model and data with --model and --data");
    }

    private static @Nullable Path codeLocation() {
        var source = Installation.class.getProtectionDomain().getCodeSource();
        try {
            return source == null ? null : Path.of(source.getLocation().toURI());
        } catch (URISyntaxException | IllegalArgumentException notAFile) {
            return null;
        }
    }
}
