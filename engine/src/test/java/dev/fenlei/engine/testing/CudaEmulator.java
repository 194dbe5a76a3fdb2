package dev.fenlei.engine.testing;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cuda.CudaBackend;
import dev.fenlei.engine.compute.cuda.CudaUnavailableException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.SymbolLookup;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;

/// A GPU for tests: a library with the driver's and cuBLAS's functions that runs the product's kernels on the CPU. It is built
/// from `src/test/cuda` and `src/main/cuda` with g++, and kept under a name of their hash.
///
/// The library has one device; tests that use it run one at a time, and begin with [#reset()].
public final class CudaEmulator {

    /// In which order the threads of a kernel run: any must give the same bits.
    public enum Schedule {
        FORWARD, REVERSE, RANDOM, ALL
    }

    private static final List<String> COMMAND = List.of("g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror",
            "-Wno-unused-function", "-shared", "-fPIC");
    private static final List<String> UNITS = List.of("emulator.cpp", "driver.cpp", "cublas.cpp", "kernels.cpp");

    private static @Nullable Path built;

    private CudaEmulator() {}

    /// The library. Where there is no g++, tests that need it are skipped.
    public static Path library() {
        Assumptions.assumeTrue(compilerIsThere(), "skipped: the emulator of CUDA needs g++");
        synchronized (CudaEmulator.class) {
            Path library = built;
            if (library == null) {
                library = build();
                built = library;
            }
            return library;
        }
    }

    private static boolean compilerIsThere() {
        return Stream.of(System.getenv("PATH").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, "g++")));
    }

    private static Path build() {
        try {
            Path emulator = engine("src/test/cuda");
            Path kernels = engine("src/main/cuda");
            Path folder = Files.createDirectories(engine("target").resolve("cuda-emulator"));
            Path library = folder.resolve("emulator-" + hash(emulator, kernels) + ".so");
            if (!Files.exists(library)) {
                Path unfinished = Files.createTempFile(folder, "emulator", ".so");
                List<String> command = Stream.of(
                        COMMAND.stream(),
                        Stream.of("-I" + emulator, "-o", unfinished.toString()),
                        UNITS.stream().map(unit -> emulator.resolve(unit).toString()))
                        .flatMap(part -> part)
                        .toList();
                run(command);
                Files.move(unfinished, library, StandardCopyOption.ATOMIC_MOVE);
            }
            return library;
        } catch (IOException | InterruptedException e) {
            throw new IllegalStateException("the emulator could not be built", e);
        }
    }

    /// A place in the engine's folder: tests of other modules use the emulator too.
    public static Path engine(String place) {
        return Path.of(System.getProperty("fenlei.root", ".."), "engine").resolve(place).toAbsolutePath().normalize();
    }

    /// Runs a program; what it writes is part of the error.
    public static void run(List<String> command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try (InputStream out = process.getInputStream()) {
            String text = new String(out.readAllBytes(), StandardCharsets.UTF_8);
            if (process.waitFor() != 0) {
                throw new IOException(String.join(" ", command) + " failed:\n" + text);
            }
        }
    }

    private static String hash(Path... folders) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(COMMAND.toString().getBytes(StandardCharsets.UTF_8));
            for (Path folder : folders) {
                try (Stream<Path> files = Files.list(folder)) {
                    for (Path file : files.sorted().toList()) {
                        digest.update(Files.readAllBytes(file));
                    }
                }
            }
            return HexFormat.of().formatHex(digest.digest(), 0, 8);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e);
        }
    }

    /// Lets this process find the emulator as its driver and as its cuBLAS.
    public static void install() {
        String path = library().toString();
        System.setProperty("fenlei.cuda.driver", path);
        System.setProperty("fenlei.cuda.cublas", path);
    }

    /// Lets this process look for a driver and cuBLAS of its own again.
    public static void uninstall() {
        System.clearProperty("fenlei.cuda.driver");
        System.clearProperty("fenlei.cuda.cublas");
    }

    /// A backend on the emulated GPU.
    public static CudaBackend open(Precision precision) {
        install();
        try {
            return CudaBackend.open(precision);
        } catch (CudaUnavailableException e) {
            throw new AssertionError(e.reason(), e);
        }
    }

    /// Forgets everything, errors and switches included.
    public static void reset() {
        call("emulator_reset", FunctionDescriptor.ofVoid());
    }

    /// @param name one of `devices`, `driver`, `capability`, `memory`, `lazy`, `schedule`
    public static void set(String name, long value) {
        try (Arena arena = Arena.ofConfined()) {
            call("emulator_set", FunctionDescriptor.ofVoid(ADDRESS, JAVA_LONG), arena.allocateFrom(name), value);
        }
    }

    public static void schedule(Schedule schedule) {
        set("schedule", schedule.ordinal());
    }

    /// How many allocations, streams, events, modules, contexts and handles the product has not given back.
    public static int held() {
        return (int) call("emulator_held", FunctionDescriptor.of(JAVA_INT))
                + (int) call("emulator_cublas_handles", FunctionDescriptor.of(JAVA_INT));
    }

    private static Object call(String function, FunctionDescriptor signature, Object... arguments) {
        try {
            Object result = Linker.nativeLinker()
                    .downcallHandle(
                            SymbolLookup.libraryLookup(library(), Arena.global()).findOrThrow(function), signature)
                    .invokeWithArguments(arguments);
            return result == null ? 0 : result;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
