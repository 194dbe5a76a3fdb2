package dev.fenlei.lora.testing;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/// Reference data that is too large for the repository. A test is skipped where its data is absent.
public final class Shared {

    private Shared() {}

    public static Path path(String name) {
        return existing(Path.of(System.getProperty("fenlei.shared", "../../shared")).resolve(name));
    }

    public static Path golden(String name) {
        return existing(Path.of(System.getProperty("fenlei.golden", "../../shared/golden")).resolve(name));
    }

    private static Path existing(Path path) {
        Assumptions.assumeTrue(Files.exists(path), () -> "skipped: no " + path);
        return path;
    }
}
