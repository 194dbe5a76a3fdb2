package dev.fenlei.engine.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// Reference data that is too large for the repository.
public final class Shared {

    private Shared() {}

    /// A file or folder of the reference data; the test is skipped where it is absent.
    public static Path path(String name) {
        Path path = Path.of(System.getProperty("fenlei.shared", "../../shared")).resolve(name);
        Assumptions.assumeTrue(Files.exists(path), () -> "skipped: no " + path);
        return path;
    }
}
