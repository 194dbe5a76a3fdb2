package dev.fenlei.engine.compute.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.fenlei.engine.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/// The functions of cuBLAS that the backend calls, after the signatures in `cublas_api.h`. Handles and device addresses are
/// numbers of 64 bits. A status other than 0 becomes a [CudaException]. One thread at a time.
final class Cublas {

    private static final int COMPUTE_32F = 68;
    private static final int GEMM_DEFAULT = -1;

    private final String name;
    private final MemorySegment result = Arena.ofAuto().allocate(8, 8);
    private final MemorySegment alpha = Arena.ofAuto().allocate(JAVA_FLOAT);
    private final MemorySegment beta = Arena.ofAuto().allocate(JAVA_FLOAT);

    private final MethodHandle cublasCreate;
    private final MethodHandle cublasDestroy;
    private final MethodHandle cublasGetVersion;
    private final MethodHandle cublasSetStream;
    private final MethodHandle cublasSetWorkspace;
    private final MethodHandle cublasGemmEx;
    private final MethodHandle cublasGemmStridedBatchedEx;
    private final MethodHandle cublasGetStatusName;

    /// A matrix as cuBLAS sees it.
    ///
    /// @param address of its first element on the device
    /// @param type F32 or BF16
    /// @param stride the distance of the starts of consecutive rows, in elements
    /// @param batchStride the distance of consecutive matrices of a batch, in elements
    record Matrix(long address, DType type, int stride, long batchStride) {

        int cudaType() {
            return switch (type) {
                case F32 -> 0;
                case F16 -> 2;
                case BF16 -> 14;
                case I8 -> throw new IllegalArgumentException("cuBLAS multiplies no rows with scales");
            };
        }
    }

    /// @throws CudaUnavailableException if the library lacks one of the functions
    Cublas(NativeLibrary library) throws CudaUnavailableException {
        name = library.name();
        cublasCreate = library.function("cublasCreate_v2", ADDRESS);
        cublasDestroy = library.function("cublasDestroy_v2", JAVA_LONG);
        cublasGetVersion = library.function("cublasGetVersion_v2", JAVA_LONG, ADDRESS);
        cublasSetStream = library.function("cublasSetStream_v2", JAVA_LONG, JAVA_LONG);
        cublasSetWorkspace = library.function("cublasSetWorkspace_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG);
        cublasGemmEx = library.function("cublasGemmEx", JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT,
                ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT,
                JAVA_INT, JAVA_INT, JAVA_INT);
        cublasGemmStridedBatchedEx = library.function("cublasGemmStridedBatchedEx", JAVA_LONG, JAVA_INT, JAVA_INT,
                JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT,
                JAVA_INT, JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT);
        cublasGetStatusName = library.function("cublasGetStatusName", FunctionDescriptor.of(ADDRESS, JAVA_INT));
    }

    /// The file or name under which it was found.
    String name() {
        return name;
    }

    /// A handle in the current context.
    long create() {
        try {
            check("cublasCreate", (int) cublasCreate.invokeExact(result));
            return result.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void destroy(long handle) {
        try {
            check("cublasDestroy", (int) cublasDestroy.invokeExact(handle));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Such as 120805 for 12.8.5 and 130002 for 13.0.2.
    int version(long handle) {
        try {
            check("cublasGetVersion", (int) cublasGetVersion.invokeExact(handle, result));
            return result.get(JAVA_INT, 0);
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    void setStream(long handle, long stream) {
        try {
            check("cublasSetStream", (int) cublasSetStream.invokeExact(handle, stream));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// Scratch of fixed size: with one of its own that it may change, cuBLAS would not promise the same bits each time.
    void setWorkspace(long handle, long address, long bytes) {
        try {
            check("cublasSetWorkspace", (int) cublasSetWorkspace.invokeExact(handle, address, bytes));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    /// `c = alpha · op(a) · op(b) + beta · c` for row-major matrices, where `op` transposes if the flag says so; sums in single
    /// precision. A row-major matrix is its transpose in columns, which is how cuBLAS reads it: so it is asked for
    /// `cᵀ = op(b)ᵀ · op(a)ᵀ`.
    ///
    /// @param m the rows of `op(a)`
    /// @param n the columns of `op(b)`
    /// @param k the columns of `op(a)`
    /// @param batch how many such products; the matrices of each lie their `batchStride` apart
    void multiply(
            long handle, Matrix a, boolean transposeA, Matrix b, boolean transposeB, int m, int n, int k,
            float factor, float keep, Matrix c, int batch) {
        alpha.set(JAVA_FLOAT, 0, factor);
        beta.set(JAVA_FLOAT, 0, keep);
        int opA = transposeA ? 1 : 0;
        int opB = transposeB ? 1 : 0;
        try {
            check("cublasGemmEx", batch == 1
                    ? (int) cublasGemmEx.invokeExact(
                            handle, opB, opA, n, m, k, alpha, b.address, b.cudaType(), b.stride, a.address,
                            a.cudaType(), a.stride, beta, c.address, c.cudaType(), c.stride, COMPUTE_32F, GEMM_DEFAULT)
                    : (int) cublasGemmStridedBatchedEx.invokeExact(
                            handle, opB, opA, n, m, k, alpha, b.address, b.cudaType(), b.stride, b.batchStride,
                            a.address, a.cudaType(), a.stride, a.batchStride, beta, c.address, c.cudaType(), c.stride,
                            c.batchStride, batch, COMPUTE_32F, GEMM_DEFAULT));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }

    private void check(String function, int status) {
        if (status == 0) {
            return;
        }
        try {
            throw new CudaException(
                    function, status, NativeLibrary.string((MemorySegment) cublasGetStatusName.invokeExact(status)));
        } catch (Throwable e) {
            throw NativeLibrary.unexpected(e);
        }
    }
}
