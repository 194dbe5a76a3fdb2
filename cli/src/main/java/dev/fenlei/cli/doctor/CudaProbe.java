package dev.fenlei.cli.doctor;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.Serial;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.util.ArrayList;
import java.util.List;

/// Finds out whether CUDA works here, and otherwise the exact reason: the dynamic linker's or the driver's own words.
///
/// Function signatures are those of the CUDA driver API (`cuda.h`).
public final class CudaProbe {

    private static final String DRIVER = "libcuda.so.1";
    private static final List<String> CUBLAS = List.of("libcublas.so.13", "libcublas.so.12", "libcublas.so");
    private static final int RTLD_NOW = 2;
    private static final int NAME_BYTES = 256;

    private static final Linker LINKER = Linker.nativeLinker();

    /// A GPU with all its memory.
    public record Device(String name, long memoryBytes) {}

    /// What was found.
    ///
    /// @param devices the GPUs, none when CUDA cannot be used
    /// @param driverVersion the newest CUDA that the driver supports, such as `12.8`; empty when there is no driver
    /// @param cublasLibrary the name under which cuBLAS was loaded; empty when it was not
    /// @param reason why CUDA cannot be used; empty when it can
    public record Result(List<Device> devices, String driverVersion, String cublasLibrary, String reason) {}

    private CudaProbe() {}

    /// Loads the driver, and asks it. Never throws: what fails becomes the reason.
    public static Result probe() {
        List<Device> devices = new ArrayList<>();
        String version = "";
        String cublas = "";
        String reason = "";
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment driver = load(DRIVER, arena);
            check(driver, "cuInit", call(driver, "cuInit", List.of(JAVA_INT), 0), arena);
            version = driverVersion(driver, arena);
            devices.addAll(devices(driver, arena));
            cublas = loadFirst(CUBLAS, arena);
        } catch (UnavailableException e) {
            reason = e.reason;
        }
        return new Result(List.copyOf(devices), version, cublas, reason);
    }

    private static String driverVersion(MemorySegment driver, Arena arena) throws UnavailableException {
        MemorySegment version = arena.allocate(JAVA_INT);
        check(driver, "cuDriverGetVersion", call(driver, "cuDriverGetVersion", List.of(ADDRESS), version), arena);
        int value = version.get(JAVA_INT, 0);
        return value / 1000 + "." + value % 1000 / 10;
    }

    private static List<Device> devices(MemorySegment driver, Arena arena) throws UnavailableException {
        MemorySegment count = arena.allocate(JAVA_INT);
        check(driver, "cuDeviceGetCount", call(driver, "cuDeviceGetCount", List.of(ADDRESS), count), arena);
        List<Device> devices = new ArrayList<>();
        MemorySegment name = arena.allocate(NAME_BYTES);
        MemorySegment bytes = arena.allocate(JAVA_LONG);
        for (int i = 0; i < count.get(JAVA_INT, 0); i++) {
            // A CUdevice is the ordinal itself once the driver is initialized.
            int status = call(driver, "cuDeviceGetName", List.of(ADDRESS, JAVA_INT, JAVA_INT), name, NAME_BYTES, i);
            check(driver, "cuDeviceGetName", status, arena);
            status = call(driver, "cuDeviceTotalMem_v2", List.of(ADDRESS, JAVA_INT), bytes, i);
            check(driver, "cuDeviceTotalMem", status, arena);
            devices.add(new Device(name.getString(0), bytes.get(JAVA_LONG, 0)));
        }
        if (devices.isEmpty()) {
            throw new UnavailableException("the driver works but shows no GPU; look at CUDA_VISIBLE_DEVICES");
        }
        return devices;
    }

    private static String loadFirst(List<String> libraries, Arena arena) throws UnavailableException {
        List<String> reasons = new ArrayList<>();
        for (String library : libraries) {
            try {
                load(library, arena);
                return library;
            } catch (UnavailableException e) {
                reasons.add(e.reason);
            }
        }
        throw new UnavailableException(String.join("; ", reasons));
    }

    /// Like `SymbolLookup.libraryLookup`, which does not pass on the linker's reason.
    private static MemorySegment load(String library, Arena arena) throws UnavailableException {
        if (LINKER.defaultLookup().find("dlopen").isEmpty()) {
            throw new UnavailableException("CUDA is looked for on Linux only");
        }
        // The linker forgets its last error at the next call of any of its functions, and looking one up is such a call:
        // so both are looked up first, and dlerror is called once so that nothing remains to be prepared.
        MethodHandle open = linkerFunction("dlopen", ADDRESS, JAVA_INT);
        MethodHandle error = linkerFunction("dlerror");
        callAddress(error);
        MemorySegment handle = callAddress(open, arena.allocateFrom(library), RTLD_NOW);
        if (handle.address() == 0) {
            throw new UnavailableException(string(callAddress(error)));
        }
        return handle;
    }

    private static void check(MemorySegment driver, String function, int status, Arena arena)
            throws UnavailableException {
        if (status == 0) {
            return;
        }
        MemorySegment text = arena.allocate(ADDRESS);
        int known = call(driver, "cuGetErrorString", List.of(JAVA_INT, ADDRESS), status, text);
        String words = known == 0 ? string(text.get(ADDRESS, 0)) : "unknown error";
        throw new UnavailableException(function + " failed with status " + status + ": " + words);
    }

    private static int call(MemorySegment library, String function, List<? extends MemoryLayout> parameters,
            Object... arguments)
            throws UnavailableException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = callAddress(linkerFunction("dlsym", ADDRESS, ADDRESS), library,
                    arena.allocateFrom(function));
            if (address.address() == 0) {
                throw new UnavailableException("the driver has no function " + function + "; it is too old");
            }
            var descriptor = FunctionDescriptor.of(JAVA_INT, parameters.toArray(MemoryLayout[]::new));
            return (int) LINKER.downcallHandle(address, descriptor).invokeWithArguments(arguments);
        } catch (UnavailableException e) {
            throw e;
        } catch (Throwable e) {
            throw new UnavailableException("calling " + function + " failed: " + e);
        }
    }

    /// A function of the dynamic linker that returns an address.
    private static MethodHandle linkerFunction(String name, MemoryLayout... parameters) {
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow(name), FunctionDescriptor.of(ADDRESS, parameters));
    }

    private static MemorySegment callAddress(MethodHandle function, Object... arguments) throws UnavailableException {
        try {
            return (MemorySegment) function.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new UnavailableException("calling the dynamic linker failed: " + e);
        }
    }

    private static String string(MemorySegment address) {
        return address.address() == 0 ? "no reason given" : address.reinterpret(Long.MAX_VALUE).getString(0);
    }

    private static final class UnavailableException extends Exception {

        @Serial
        private static final long serialVersionUID = 1L;

        final String reason;

        UnavailableException(String reason) {
            super(reason);
            this.reason = reason;
        }
    }
}
