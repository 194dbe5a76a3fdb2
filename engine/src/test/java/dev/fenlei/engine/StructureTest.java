package dev.fenlei.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.Backend;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/// Rules of the architecture, checked on the compiled classes.
class StructureTest {

    private static final String KERNELS = "dev/fenlei/engine/compute/cpu/";

    @Test
    void onlyTheCpuBackendUsesTheVectorApi() throws IOException, URISyntaxException {
        List<String> users = classesNaming("jdk/incubator/vector/");
        assertThat(users).isNotEmpty().allMatch(name -> name.startsWith(KERNELS));
    }

    @Test
    void nothingElseInTheEngineKnowsTheCpuBackend() throws IOException, URISyntaxException {
        assertThat(classesNaming(KERNELS)).isNotEmpty().allMatch(name -> name.startsWith(KERNELS));
    }

    /// The class files whose constant pool holds `text`.
    private static List<String> classesNaming(String text) throws IOException, URISyntaxException {
        Path root = Path.of(
                Backend.class.getProtectionDomain().getCodeSource().getLocation().toURI());
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(file -> file.toString().endsWith(".class"))
                    .filter(file -> read(file).contains(text))
                    .map(file -> root.relativize(file).toString().replace('\\', '/'))
                    .filter(name -> name.startsWith("dev/fenlei/engine/"))
                    .toList();
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
