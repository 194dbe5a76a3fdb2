// cuBLAS's part of the emulator: plain sums in double precision, with the checks of arguments that the manual names.
#include "machine.h"

#include <algorithm>

namespace {

using namespace emulator;

const int CUBLAS_SUCCESS = 0, CUBLAS_INVALID_VALUE = 7, CUBLAS_NOT_INITIALIZED = 1, CUBLAS_NOT_SUPPORTED = 15;
const int COMPUTE_32F = 68, R_32F = 0, R_16BF = 14;
const uint64_t HANDLE = 0x42;

int handles;
uint64_t stream_of_handle;

struct Operand {
    uint64_t address;
    int type, leading;
    long long batch_stride;

    int bytes() const {
        return type == R_32F ? 4 : 2;
    }

    double get(uint64_t i) const {
        if (type == R_32F) {
            return ((const float*)address)[i];
        }
        return __uint_as_float((uint32_t)((const uint16_t*)address)[i] << 16);
    }

    // Whether a batch of column-major matrices lies on the device.
    bool fits(int rows, int columns, int batch) const {
        if (rows == 0 || columns == 0 || batch == 0) {
            return true;
        }
        uint64_t elements = (uint64_t)(batch - 1) * batch_stride + (uint64_t)(columns - 1) * leading + rows;
        return address % bytes() == 0 && on_device(address, elements * bytes());
    }
};

int multiply(uint64_t handle, bool transA, bool transB, int m, int n, int k, float alpha, Operand a, Operand b, float beta,
             Operand c, int batch, int compute) {
    if (ready() != SUCCESS || handle != HANDLE || handles == 0) {
        return CUBLAS_NOT_INITIALIZED;
    }
    if (m < 0 || n < 0 || k < 0 || batch < 0 || a.leading < std::max(1, transA ? k : m)
        || b.leading < std::max(1, transB ? n : k) || c.leading < std::max(1, m)) {
        return CUBLAS_INVALID_VALUE;
    }
    bool known = (a.type == R_32F || a.type == R_16BF) && a.type == b.type && (c.type == R_32F || c.type == a.type);
    if (compute != COMPUTE_32F || !known) {
        return CUBLAS_NOT_SUPPORTED;
    }
    submit(stream_of_handle, [=] {
        if (!a.fits(transA ? k : m, transA ? m : k, batch) || !b.fits(transB ? n : k, transB ? k : n, batch)
            || !c.fits(m, n, batch)) {
            return fail_context(ILLEGAL_ADDRESS, "an operand of a product does not lie in device memory");
        }
        for (int matrix = 0; matrix < batch; matrix++) {
            for (int column = 0; column < n; column++) {
                for (int row = 0; row < m; row++) {
                    double sum = 0;
                    for (int i = 0; i < k; i++) {
                        uint64_t atA = transA ? (uint64_t)row * a.leading + i : (uint64_t)i * a.leading + row;
                        uint64_t atB = transB ? (uint64_t)i * b.leading + column : (uint64_t)column * b.leading + i;
                        sum += a.get(matrix * a.batch_stride + atA) * b.get(matrix * b.batch_stride + atB);
                    }
                    uint64_t at = matrix * c.batch_stride + (uint64_t)column * c.leading + row;
                    double kept = beta == 0 ? 0 : beta * c.get(at);
                    float value = (float)(alpha * sum + kept);
                    if (c.type == R_32F) {
                        ((float*)c.address)[at] = value;
                    } else {
                        uint32_t bits = __float_as_uint(value);
                        ((uint16_t*)c.address)[at] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
                    }
                }
            }
        }
        return SUCCESS;
    });
    return CUBLAS_SUCCESS;
}

}  // namespace

extern "C" {

int emulator_cublas_handles() {
    return handles;
}

int cublasCreate_v2(uint64_t* handle) {
    if (ready() != SUCCESS) {
        return CUBLAS_NOT_INITIALIZED;
    }
    handles++;
    *handle = HANDLE;
    return CUBLAS_SUCCESS;
}

int cublasDestroy_v2(uint64_t handle) {
    if (handle != HANDLE || handles == 0) {
        return CUBLAS_NOT_INITIALIZED;
    }
    handles--;
    return CUBLAS_SUCCESS;
}

int cublasGetVersion_v2(uint64_t, int* version) {
    *version = 130000;
    return CUBLAS_SUCCESS;
}

int cublasSetStream_v2(uint64_t, uint64_t stream) {
    stream_of_handle = stream;
    return CUBLAS_SUCCESS;
}

int cublasSetWorkspace_v2(uint64_t, uint64_t address, size_t bytes) {
    return on_device(address, bytes) && address % 256 == 0 ? CUBLAS_SUCCESS : CUBLAS_INVALID_VALUE;
}

int cublasGemmEx(uint64_t handle, int transA, int transB, int m, int n, int k, const float* alpha, uint64_t a, int aType,
                 int lda, uint64_t b, int bType, int ldb, const float* beta, uint64_t c, int cType, int ldc, int compute,
                 int) {
    return multiply(handle, transA, transB, m, n, k, *alpha, {a, aType, lda, 0}, {b, bType, ldb, 0}, *beta,
                    {c, cType, ldc, 0}, 1, compute);
}

int cublasGemmStridedBatchedEx(uint64_t handle, int transA, int transB, int m, int n, int k, const float* alpha,
                               uint64_t a, int aType, int lda, long long strideA, uint64_t b, int bType, int ldb,
                               long long strideB, const float* beta, uint64_t c, int cType, int ldc, long long strideC,
                               int batch, int compute, int) {
    return multiply(handle, transA, transB, m, n, k, *alpha, {a, aType, lda, strideA}, {b, bType, ldb, strideB}, *beta,
                    {c, cType, ldc, strideC}, batch, compute);
}

const char* cublasGetStatusName(int status) {
    switch (status) {
        case CUBLAS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
        case CUBLAS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
        case CUBLAS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
        default: return "unknown";
    }
}
}
