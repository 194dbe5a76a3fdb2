package dev.fenlei.engine.compute.cuda;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Where the driver and cuBLAS are looked for. In this order: the file that a property or an environment variable names, and
/// then no other; what the dynamic linker finds; for cuBLAS the folders of the CUDA toolkit, and those into which `pip` puts
/// NVIDIA's packages.
///
/// @param property system properties
/// @param environment environment variables
record CudaLibraries(Settings property, Settings environment) {

    /// Values by names.
    @FunctionalInterface
    interface Settings {
        /// Null if it is not set.
        @Nullable
        String get(String name);
    }

    /// Names the file of the driver; the environment variable is `FENLEI_CUDA_DRIVER`.
    static final String DRIVER_PROPERTY = "fenlei.cuda.driver";

    /// Names the file of cuBLAS; the environment variable is `FENLEI_CUDA_CUBLAS`.
    static final String CUBLAS_PROPERTY = "fenlei.cuda.cublas";

    /// The oldest driver that cuBLAS 12 runs with, as `cuDriverGetVersion` numbers them.
    private static final int OLDEST_DRIVER = 12_000;

    /// The first driver that cuBLAS 13 runs with.
    private static final int CUBLAS_13_DRIVER = 13_000;

    private static final boolean WINDOWS = System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("windows");

    /// As this process has them set.
    static CudaLibraries ofProcess() {
        return new CudaLibraries(System::getProperty, System::getenv);
    }

    /// Loads the driver, which is not initialized yet.
    ///
    /// @throws CudaUnavailableException if there is none
    CudaDriver driver() throws CudaUnavailableException {
        String chosen = chosen(DRIVER_PROPERTY);
        try {
            return new CudaDriver(NativeLibrary.open(
                    chosen != null ? chosen : WINDOWS ? "nvcuda.dll" : "libcuda.so.1"));
        } catch (CudaUnavailableException e) {
            throw chosen == null
                    ? new CudaUnavailableException("no NVIDIA driver: " + e.reason(), false)
                    : new CudaUnavailableException(DRIVER_PROPERTY + " names what is no driver: " + e.reason());
        }
    }

    /// Loads cuBLAS.
    ///
    /// @param driverVersion as `cuDriverGetVersion` numbers them
    /// @throws CudaUnavailableException if there is none that runs with the driver
    Cublas cublas(int driverVersion) throws CudaUnavailableException {
        if (driverVersion < OLDEST_DRIVER) {
            throw new CudaUnavailableException("the NVIDIA driver is too old: it supports CUDA "
                    + CudaDriver.versionText(driverVersion) + ", needed is 12.0 or newer");
        }
        String chosen = chosen(CUBLAS_PROPERTY);
        if (chosen != null) {
            try {
                return new Cublas(NativeLibrary.open(chosen));
            } catch (CudaUnavailableException e) {
                throw new CudaUnavailableException(CUBLAS_PROPERTY + " names what is no cuBLAS: " + e.reason());
            }
        }
        String linkersReason = "";
        for (String candidate : cublasCandidates(driverVersion >= CUBLAS_13_DRIVER ? List.of(13, 12) : List.of(12))) {
            try {
                return new Cublas(NativeLibrary.open(candidate));
            } catch (CudaUnavailableException e) {
                // What the linker says of a plain name tells most; of the folders only those are tried that have the file.
                linkersReason = linkersReason.isEmpty() ? e.reason() : linkersReason;
            }
        }
        throw new CudaUnavailableException(
                "no cuBLAS: " + linkersReason + "; install CUDA's libraries, or name the file: "
                        + "FENLEI_CUDA_CUBLAS=/path/to/libcublas.so.12");
    }

    private List<String> cublasCandidates(List<Integer> versions) {
        List<String> names = versions.stream()
                .map(version -> WINDOWS ? "cublas64_" + version + ".dll" : "libcublas.so." + version)
                .toList();
        List<String> candidates = new ArrayList<>(names);
        for (Path folder : folders()) {
            for (String name : names) {
                Path file = folder.resolve(name);
                if (Files.exists(file)) {
                    candidates.add(file.toString());
                }
            }
        }
        return candidates;
    }

    private List<Path> folders() {
        List<Path> folders = new ArrayList<>();
        for (String toolkit : List.of("CUDA_HOME", "CUDA_PATH")) {
            String home = environment.get(toolkit);
            if (home != null) {
                folders.add(Path.of(home, WINDOWS ? "bin" : "lib64"));
            }
        }
        if (!WINDOWS) {
            matching(Path.of("/usr/local"), "cuda*").forEach(toolkit -> folders.add(toolkit.resolve("lib64")));
        }
        for (String python : List.of("VIRTUAL_ENV", "CONDA_PREFIX")) {
            String home = environment.get(python);
            if (home != null) {
                for (Path version : matching(Path.of(home, "lib"), "python3*")) {
                    Path nvidia = version.resolve("site-packages").resolve("nvidia");
                    folders.add(nvidia.resolve("cu13").resolve("lib"));
                    folders.add(nvidia.resolve("cublas").resolve("lib"));
                }
            }
        }
        return folders;
    }

    private static List<Path> matching(Path folder, String pattern) {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(folder, pattern)) {
            stream.forEach(found::add);
        } catch (IOException e) {
            return List.of(); // a folder that is not there holds no library
        }
        found.sort(null);
        return found;
    }

    private @Nullable String chosen(String name) {
        String value = property.get(name);
        return value != null ? value : environment.get(name.toUpperCase(Locale.ROOT).replace('.', '_'));
    }
}
