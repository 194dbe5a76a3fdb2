package dev.fenlei.engine.compute.cuda;

import java.util.ArrayList;
import java.util.List;

/// What CUDA offers on this machine, and otherwise the exact reason why it cannot be used.
///
/// @param devices the GPUs that the driver shows
/// @param driverVersion the newest CUDA that the driver supports, such as `12.8`; empty when there is no driver
/// @param cublasLibrary the name or file under which cuBLAS was found; empty when it was not
/// @param reason why CUDA cannot be used; empty when it can
public record CudaStatus(List<Device> devices, String driverVersion, String cublasLibrary, String reason) {

    /// The oldest GPUs that have bfloat16: Ampere.
    private static final int OLDEST_MAJOR = 8;

    /// A GPU.
    ///
    /// @param memoryBytes all its memory
    /// @param computeCapability such as `8.9`
    public record Device(String name, long memoryBytes, String computeCapability) {}

    public CudaStatus {
        devices = List.copyOf(devices);
    }

    /// Loads driver and cuBLAS, and asks the driver. Never throws: what fails becomes the reason.
    public static CudaStatus probe() {
        return probe(CudaLibraries.ofProcess());
    }

    static CudaStatus probe(CudaLibraries libraries) {
        List<Device> devices = new ArrayList<>();
        String version = "";
        String cublas = "";
        try {
            CudaDriver driver = libraries.driver();
            driver.init();
            int number = driver.version();
            version = CudaDriver.versionText(number);
            for (int i = 0; i < driver.deviceCount(); i++) {
                devices.add(device(driver, driver.device(i)));
            }
            requireUsable(driver);
            cublas = libraries.cublas(number).name();
            return new CudaStatus(devices, version, cublas, "");
        } catch (CudaUnavailableException e) {
            return new CudaStatus(devices, version, cublas, e.reason());
        } catch (CudaException e) {
            return new CudaStatus(devices, version, cublas, String.valueOf(e.getMessage()));
        }
    }

    /// The first device, which is the one that computes: `CUDA_VISIBLE_DEVICES` puts another into its place.
    ///
    /// @param driver initialized
    /// @throws CudaUnavailableException if there is none, or it is too old
    static int requireUsable(CudaDriver driver) throws CudaUnavailableException {
        if (driver.deviceCount() == 0) {
            throw new CudaUnavailableException(
                    "the NVIDIA driver works but shows no GPU; look at CUDA_VISIBLE_DEVICES");
        }
        int device = driver.device(0);
        if (driver.attribute(CudaDriver.COMPUTE_CAPABILITY, device) < OLDEST_MAJOR) {
            Device found = device(driver, device);
            throw new CudaUnavailableException(found.name() + " has compute capability " + found.computeCapability()
                    + ", needed is 8.0 or newer (Ampere, 2020)");
        }
        return device;
    }

    private static Device device(CudaDriver driver, int device) {
        return new Device(
                driver.deviceName(device),
                driver.totalMemory(device),
                driver.attribute(CudaDriver.COMPUTE_CAPABILITY, device) + "."
                        + driver.attribute(CudaDriver.COMPUTE_CAPABILITY + 1, device));
    }
}
