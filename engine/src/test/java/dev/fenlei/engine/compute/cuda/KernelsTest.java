package dev.fenlei.engine.compute.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.testing.CudaEmulator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The PTX in the jar is that of the sources.
class KernelsTest {

    private static final Path RESOURCE = CudaEmulator
            .engine("src/main/resources/dev/fenlei/engine/compute/cuda/kernels.ptx");

    @Test
    void thePtxNamesTheHashOfItsSources() throws IOException, NoSuchAlgorithmException {
        MessageDigest digest = MessageDigest.getInstance("SHA-256");
        try (Stream<Path> files = Files.list(CudaEmulator.engine("src/main/cuda"))) {
            // As the script has them: the module first, then what it includes.
            for (Path file : files
                    .sorted(Comparator.comparing((Path file) -> file.toString().endsWith(".cuh"))
                            .thenComparing(Path::getFileName))
                    .toList()) {
                digest.update(Files.readAllBytes(file));
            }
        }
        assertThat(ptx(RESOURCE)).as("tools/build-kernels was not run after a change of the sources")
                .startsWith("// sources " + HexFormat.of().formatHex(digest.digest()) + "\n");
    }

    /// Where the compiler is that made the PTX, it makes the same again, and no kernel spills registers on any card that the
    /// assembler knows. Other versions of the compiler make other texts of the same kernels.
    @Test
    void theCompilerMakesTheSamePtx(@TempDir Path folder) throws IOException, InterruptedException {
        if (Stream.of(System.getenv("PATH").split(":")).noneMatch(f -> Files.isExecutable(Path.of(f, "nvcc")))) {
            return; // the hash above stands for it
        }
        Path made = folder.resolve("kernels.ptx");
        CudaEmulator.run(List.of(
                "bash", CudaEmulator.engine("../tools/build-kernels").normalize().toString(), made.toString()));
        if (compiler(ptx(made)).equals(compiler(ptx(RESOURCE)))) {
            assertThat(ptx(made)).isEqualTo(ptx(RESOURCE));
        }
    }

    private static String compiler(String ptx) {
        return ptx.lines().filter(line -> line.startsWith("// Compiler Build ID")).findFirst().orElse("");
    }

    private static String ptx(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.US_ASCII);
    }
}
