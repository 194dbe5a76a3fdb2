package dev.fenlei.engine.compute.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.testing.CudaEmulator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// One clear line for each thing that can be missing.
class CudaLibrariesTest {

    @BeforeEach
    void reset() {
        CudaEmulator.reset();
    }

    @Test
    void whatIsThereIsShown() {
        CudaStatus status = CudaStatus.probe(emulator());
        assertThat(status.reason()).isEmpty();
        assertThat(status.devices()).containsExactly(new CudaStatus.Device("Emulated GPU", 24L << 30, "8.0"));
        assertThat(status.driverVersion()).isEqualTo("13.0");
        assertThat(status.cublasLibrary()).isEqualTo(CudaEmulator.library().toString());
    }

    @Test
    void noDriver() {
        CudaStatus status = CudaStatus.probe(libraries(Map.of()));
        if (status.driverVersion().isEmpty()) {
            assertThat(status.reason()).startsWith("no NVIDIA driver: ").contains("libcuda.so.1");
        }
    }

    @Test
    void aPathToNowhere(@TempDir Path folder) throws IOException {
        Path absent = folder.resolve("libcuda.so");
        assertThat(reason(absent.toString(), ""))
                .startsWith("fenlei.cuda.driver names what is no driver: ")
                .contains(absent + ": cannot open shared object file: No such file or directory");
        Path text = Files.writeString(folder.resolve("text.so"), "no library");
        assertThat(reason(text.toString(), "")).contains(text.toString(), "file too short");
    }

    @Test
    void aLibraryThatIsNoDriver() {
        assertThat(reason("libc.so.6", "")).isEqualTo(
                "fenlei.cuda.driver names what is no driver: libc.so.6 is too old: it has no cuInit");
    }

    @Test
    void theEnvironmentNamesTheFilesToo() {
        String path = CudaEmulator.library().toString();
        Map<String, String> environment = Map.of("FENLEI_CUDA_DRIVER", path, "FENLEI_CUDA_CUBLAS", path);
        CudaLibraries libraries = new CudaLibraries(Map.<String, String>of()::get, environment::get);
        assertThat(CudaStatus.probe(libraries).reason()).isEmpty();
    }

    @Test
    void aDriverWithoutCublas() {
        String driver = CudaEmulator.library().toString();
        assertThat(reason(driver, "/absent/libcublas.so.12"))
                .startsWith("fenlei.cuda.cublas names what is no cuBLAS: /absent/libcublas.so.12: cannot open");
        CudaStatus status = CudaStatus.probe(libraries(Map.of(CudaLibraries.DRIVER_PROPERTY, driver)));
        if (status.cublasLibrary().isEmpty()) {
            assertThat(status.reason()).startsWith("no cuBLAS: libcublas.so.13: cannot open shared object file");
            assertThat(status.devices()).hasSize(1);
        }
    }

    @Test
    void cublasIsFoundWhereTheToolkitAndPipPutIt(@TempDir Path folder) throws IOException {
        Path pip = Files.createDirectories(folder.resolve("lib/python3.12/site-packages/nvidia/cublas/lib"));
        Path file = Files.copy(CudaEmulator.library(), pip.resolve("libcublas.so.12"));
        Map<String, String> environment = Map.of("VIRTUAL_ENV", folder.toString());
        Map<String, String> properties = Map.of(CudaLibraries.DRIVER_PROPERTY, CudaEmulator.library().toString());
        CudaStatus status = CudaStatus.probe(new CudaLibraries(properties::get, environment::get));
        assertThat(status.reason()).isEmpty();
        assertThat(status.cublasLibrary()).isIn(file.toString(), "libcublas.so.13", "libcublas.so.12");
    }

    @Test
    void anOldDriver() {
        CudaEmulator.set("driver", 11_040);
        assertThat(CudaStatus.probe(emulator()).reason())
                .isEqualTo("the NVIDIA driver is too old: it supports CUDA 11.4, needed is 12.0 or newer");
    }

    @Test
    void noDevice() {
        CudaEmulator.set("devices", 0);
        assertThat(CudaStatus.probe(emulator()).reason())
                .isEqualTo("cuInit failed: CUDA_ERROR_NO_DEVICE, no CUDA-capable device is detected (100)");
    }

    @Test
    void anOldDevice() {
        CudaEmulator.set("capability", 7);
        assertThat(CudaStatus.probe(emulator()).reason())
                .isEqualTo("Emulated GPU has compute capability 7.0, needed is 8.0 or newer (Ampere, 2020)");
        assertThatThrownBy(() -> CudaBackend.open(Precision.F32, emulator()))
                .isInstanceOf(CudaUnavailableException.class);
        assertThat(CudaEmulator.held()).isZero();
    }

    @Test
    void tooLittleMemoryToBegin() {
        CudaEmulator.set("memory", 1 << 20);
        assertThatThrownBy(() -> CudaBackend.open(Precision.F32, emulator()))
                .isInstanceOf(CudaUnavailableException.class)
                .hasMessageContaining("4 MiB more were needed, 1 MiB are free");
        assertThat(CudaEmulator.held()).isZero();
    }

    @Test
    void tooLittleMemoryForATensor() {
        try (CudaBackend backend = CudaEmulator.open(Precision.F32)) {
            CudaEmulator.set("memory", 16 << 20);
            assertThatThrownBy(() -> backend.allocate(DType.F32, 2048, 2048))
                    .isInstanceOf(CudaMemoryException.class)
                    .hasMessageStartingWith("the memory of Emulated GPU does not suffice: 16 MiB more were needed")
                    .hasMessageContaining("smaller batches");
            assertThat(backend.allocate(DType.F32, 2, 2).toArray()).containsOnly(0f);
        }
    }

    static CudaLibraries emulator() {
        String path = CudaEmulator.library().toString();
        return libraries(Map.of(CudaLibraries.DRIVER_PROPERTY, path, CudaLibraries.CUBLAS_PROPERTY, path));
    }

    private static CudaLibraries libraries(Map<String, String> properties) {
        return new CudaLibraries(properties::get, Map.<String, String>of()::get);
    }

    @Test
    void aScopeGivesItsMemoryBack() {
        try (CudaBackend backend = CudaEmulator.open(Precision.F32)) {
            int before = CudaEmulator.held();
            Tensor lasting;
            try (Backend.Scope _ = backend.newScope()) {
                lasting = backend.place(Tensor.of(Arena.ofAuto().allocate(8), DType.F32, 1, 2));
                backend.allocate(DType.F32, 3, 3);
                assertThat(CudaEmulator.held()).isEqualTo(before + 2);
            }
            assertThat(CudaEmulator.held()).isEqualTo(before + 1);
            assertThat(lasting.toArray()).containsExactly(0, 0);
        }
    }

    private static String reason(String driver, String cublas) {
        return CudaStatus.probe(libraries(
                Map.of(CudaLibraries.DRIVER_PROPERTY, driver, CudaLibraries.CUBLAS_PROPERTY, cublas))).reason();
    }
}
