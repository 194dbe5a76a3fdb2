package dev.fenlei.engine.compute.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The functions of the CUDA driver that the backend calls, one method each, after the signatures in `cuda.h`.
///
/// Handles (contexts, streams, events, modules, functions) and device addresses are numbers of 64 bits. Names end in `_v2`
/// where the plain one is still exported for programs with addresses of 32 bits. A status other than 0 becomes a
/// [CudaException]. One thread at a time, as results are passed through memory that all calls share.
final class CudaDriver {

    /// `CUDA_ERROR_OUT_OF_MEMORY`.
    static final int OUT_OF_MEMORY = 2;

    /// `CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR`, and the one for the minor number behind it.
    static final int COMPUTE_CAPABILITY = 75;

    /// `CU_STREAM_NON_BLOCKING`: does not wait for the stream that older programs share.
    private static final int NON_BLOCKING = 1;

    /// `CU_EVENT_DISABLE_TIMING`.
    private static final int DISABLE_TIMING = 2;

    private static final int NAME_BYTES = 256;

    private final MemorySegment result = Arena.ofAuto().allocate(16, 8);
    private final MemorySegment name = Arena.ofAuto().allocate(NAME_BYTES);

    private final MethodHandle cuInit;
    private final MethodHandle cuDriverGetVersion;
    private final MethodHandle cuDeviceGetCount;
    private final MethodHandle cuDeviceGet;
    private final MethodHandle cuDeviceGetName;
    private final MethodHandle cuDeviceTotalMem;
    private final MethodHandle cuDeviceGetAttribute;
    private final MethodHandle cuDevicePrimaryCtxRetain;
    private final MethodHandle cuDevicePrimaryCtxRelease;
    private final MethodHandle cuCtxSetCurrent;
    private final MethodHandle cuMemGetInfo;
    private final MethodHandle cuMemAlloc;
    private final MethodHandle cuMemFree;
    private final MethodHandle cuMemHostAlloc;
    private final MethodHandle cuMemFreeHost;
    private final MethodHandle cuMemcpyHtoDAsync;
    private final MethodHandle cuMemcpyDtoHAsync;
    private final MethodHandle cuMemsetD8Async;
    private final MethodHandle cuStreamCreate;
    private final MethodHandle cuStreamDestroy;
    private final MethodHandle cuStreamSynchronize;
    private final MethodHandle cuEventCreate;
    private final MethodHandle cuEventDestroy;
    private final MethodHandle cuEventRecord;
    private final MethodHandle cuEventSynchronize;
    private final MethodHandle cuModuleLoadDataEx;
    private final MethodHandle cuModuleUnload;
    private final MethodHandle cuModuleGetFunction;
    private final MethodHandle cuLaunchKernel;
    private final MethodHandle cuGetErrorName;
    private final MethodHandle cuGetErrorString;

    /// @throws CudaUnavailableException if the library lacks one of the functions
    CudaDriver(NativeLibrary library) throws CudaUnavailableException {
        cuInit = library.function("cuInit", JAVA_INT);
        cuDriverGetVersion = library.function("cuDriverGetVersion", ADDRESS);
        cuDeviceGetCount = library.function("cuDeviceGetCount", ADDRESS);
        cuDeviceGet = library.function("cuDeviceGet", ADDRESS, JAVA_INT);
        cuDeviceGetName = library.function("cuDeviceGetName", ADDRESS, JAVA_INT, JAVA_INT);
        cuDeviceTotalMem = library.function("cuDeviceTotalMem_v2", ADDRESS, JAVA_INT);
        cuDeviceGetAttribute = library.function("cuDeviceGetAttribute", ADDRESS, JAVA_INT, JAVA_INT);
        cuDevicePrimaryCtxRetain = library.function("cuDevicePrimaryCtxRetain", ADDRESS, JAVA_INT);
        cuDevicePrimaryCtxRelease = library.function("cuDevicePrimaryCtxRelease_v2", JAVA_INT);
        cuCtxSetCurrent = library.function("cuCtxSetCurrent", JAVA_LONG);
        cuMemGetInfo = library.function("cuMemGetInfo_v2", ADDRESS, ADDRESS);
        cuMemAlloc = library.function("cuMemAlloc_v2", ADDRESS, JAVA_LONG);
        cuMemFree = library.function("cuMemFree_v2", JAVA_LONG);
        cuMemHostAlloc = library.function("cuMemHostAlloc", ADDRESS, JAVA_LONG, JAVA_INT);
        cuMemFreeHost = library.function("cuMemFreeHost", ADDRESS);
        cuMemcpyHtoDAsync = library.function("cuMemcpyHtoDAsync_v2", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
        cuMemcpyDtoHAsync = library.function("cuMemcpyDtoHAsync_v2", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        cuMemsetD8Async = library.function("cuMemsetD8Async", JAVA_LONG, JAVA_BYTE, JAVA_LONG, JAVA_LONG);
        cuStreamCreate = library.function("cuStreamCreate", ADDRESS, JAVA_INT);
        cuStreamDestroy = library.function("cuStreamDestroy_v2", JAVA_LONG);
        cuStreamSynchronize = library.function("cuStreamSynchronize", JAVA_LONG);
        cuEventCreate = library.function("cuEventCreate", ADDRESS, JAVA_INT);
        cuEventDestroy = library.function("cuEventDestroy_v2", JAVA_LONG);
        cuEventRecord = library.function("cuEventRecord", JAVA_LONG, JAVA_LONG);
        cuEventSynchronize = library.function("cuEventSynchronize", JAVA_LONG);
        cuModuleLoadDataEx = library.function("cuModuleLoadDataEx", ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
        cuModuleUnload = library.function("cuModuleUnload", JAVA_LONG);
        cuModuleGetFunction = library.function("cuModuleGetFunction", ADDRESS, JAVA_LONG, ADDRESS);
        cuLaunchKernel = library.function("cuLaunchKernel", JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
                JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS);
        cuGetErrorName = library.function("cuGetErrorName", JAVA_INT, ADDRESS);
        cuGetErrorString = library.function("cuGetErrorString", JAVA_INT, ADDRESS);
    }

    /// A version as `cuDriverGetVersion` numbers them, such as 12080, in words: `12.8`.
    static String versionText(int version) {
        return version / 1000 + "." + version % 1000 / 10;
    }

    /// Must come before every other call but [#version()].
    void init() {
        try {
            check("cuInit", (int) cuInit.invokeExact(0));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// The newest CUDA that the driver supports, such as 12080.
    int version() {
        try {
            check("cuDriverGetVersion", (int) cuDriverGetVersion.invokeExact(result));
            return result.get(JAVA_INT, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    int deviceCount() {
        try {
            check("cuDeviceGetCount", (int) cuDeviceGetCount.invokeExact(result));
            return result.get(JAVA_INT, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    int device(int ordinal) {
        try {
            check("cuDeviceGet", (int) cuDeviceGet.invokeExact(result, ordinal));
            return result.get(JAVA_INT, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    String deviceName(int device) {
        try {
            check("cuDeviceGetName", (int) cuDeviceGetName.invokeExact(name, NAME_BYTES, device));
            return name.getString(0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    long totalMemory(int device) {
        try {
            check("cuDeviceTotalMem", (int) cuDeviceTotalMem.invokeExact(result, device));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    int attribute(int attribute, int device) {
        try {
            check("cuDeviceGetAttribute", (int) cuDeviceGetAttribute.invokeExact(result, attribute, device));
            return result.get(JAVA_INT, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// The device's context that all libraries of a process share.
    long retainPrimaryContext(int device) {
        try {
            check("cuDevicePrimaryCtxRetain", (int) cuDevicePrimaryCtxRetain.invokeExact(result, device));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void releasePrimaryContext(int device) {
        try {
            check("cuDevicePrimaryCtxRelease", (int) cuDevicePrimaryCtxRelease.invokeExact(device));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Makes a context the one that this thread's calls work in.
    void setCurrent(long context) {
        try {
            check("cuCtxSetCurrent", (int) cuCtxSetCurrent.invokeExact(context));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// The bytes that are free on the device of the current context.
    long freeMemory() {
        try {
            check("cuMemGetInfo", (int) cuMemGetInfo.invokeExact(result, result.asSlice(8)));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// @return the device address
    long allocate(long bytes) {
        try {
            check("cuMemAlloc", (int) cuMemAlloc.invokeExact(result, bytes));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void free(long address) {
        try {
            check("cuMemFree", (int) cuMemFree.invokeExact(address));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Host memory that the device reaches by itself, as the system does not move it.
    MemorySegment allocateHost(long bytes) {
        try {
            check("cuMemHostAlloc", (int) cuMemHostAlloc.invokeExact(result, bytes, 0));
            return result.get(ADDRESS, 0).reinterpret(bytes);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void freeHost(MemorySegment memory) {
        try {
            check("cuMemFreeHost", (int) cuMemFreeHost.invokeExact(memory));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void copyToDevice(long to, MemorySegment from, long bytes, long stream) {
        try {
            check("cuMemcpyHtoDAsync", (int) cuMemcpyHtoDAsync.invokeExact(to, from, bytes, stream));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void copyToHost(MemorySegment to, long from, long bytes, long stream) {
        try {
            check("cuMemcpyDtoHAsync", (int) cuMemcpyDtoHAsync.invokeExact(to, from, bytes, stream));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void clear(long address, long bytes, long stream) {
        try {
            check("cuMemsetD8Async", (int) cuMemsetD8Async.invokeExact(address, (byte) 0, bytes, stream));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    long createStream() {
        try {
            check("cuStreamCreate", (int) cuStreamCreate.invokeExact(result, NON_BLOCKING));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void destroyStream(long stream) {
        try {
            check("cuStreamDestroy", (int) cuStreamDestroy.invokeExact(stream));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Waits until everything in the stream is done.
    void synchronize(long stream) {
        try {
            check("cuStreamSynchronize", (int) cuStreamSynchronize.invokeExact(stream));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    long createEvent() {
        try {
            check("cuEventCreate", (int) cuEventCreate.invokeExact(result, DISABLE_TIMING));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void destroyEvent(long event) {
        try {
            check("cuEventDestroy", (int) cuEventDestroy.invokeExact(event));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Marks a point in the stream.
    void record(long event, long stream) {
        try {
            check("cuEventRecord", (int) cuEventRecord.invokeExact(event, stream));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Waits until the stream has come to the point that was marked last.
    void await(long event) {
        try {
            check("cuEventSynchronize", (int) cuEventSynchronize.invokeExact(event));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Compiles PTX.
    ///
    /// @param image the text, ending in 0
    /// @param options the `count` options' numbers, of 32 bits
    /// @param values their values, of 64 bits
    long loadModule(MemorySegment image, int count, MemorySegment options, MemorySegment values) {
        try {
            check("cuModuleLoadDataEx", (int) cuModuleLoadDataEx.invokeExact(result, image, count, options, values));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void unloadModule(long module) {
        try {
            check("cuModuleUnload", (int) cuModuleUnload.invokeExact(module));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// @param kernel its name, ending in 0
    long function(long module, MemorySegment kernel) {
        try {
            check("cuModuleGetFunction", (int) cuModuleGetFunction.invokeExact(result, module, kernel));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// @param parameters the addresses of the arguments
    void launch(String kernel, long function, int gridX, int gridY, int block, long stream, MemorySegment parameters) {
        try {
            check(kernel, (int) cuLaunchKernel.invokeExact(
                    function, gridX, gridY, 1, block, 1, 1, 0, stream, parameters, MemorySegment.NULL));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    private void check(String function, int status) {
        if (status != 0) {
            throw new CudaException(function, status, words(status));
        }
    }

    private String words(int status) {
        try {
            if ((int) cuGetErrorName.invokeExact(status, result) != 0) {
                return "an error that this driver does not know";
            }
            String errorName = NativeLibrary.string(result.get(ADDRESS, 0));
            if ((int) cuGetErrorString.invokeExact(status, result) != 0) {
                return errorName;
            }
            return errorName + ", " + NativeLibrary.string(result.get(ADDRESS, 0));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }
}
