// What the kernels need of the machine. Everything that a GPU does differently from the emulator of the tests is here: with
// FENLEI_EMULATOR defined, the tests' own header stands in for this half of the file.
//
// Rules for kernels: blocks have one dimension and whole warps; barriers and shuffles stand where all threads of the block come
// by; arguments are pointers, int, long long and float; no atomics on floats, so that results do not depend on timing.
#pragma once

#ifdef FENLEI_EMULATOR
#include "emulator.h"
#else

typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;

// A function that the host can launch. The names of parameters reach the PTX only by their places.
#define KERNEL(name, ...) extern "C" __global__ void name(__VA_ARGS__)

// Memory that the threads of a block share.
#define SHARED(type, name, count) __shared__ type name[count]

__device__ __forceinline__ float half_to_float(uint16_t bits) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
    return value;
}

__device__ __forceinline__ uint16_t float_to_half(float value) {
    uint16_t bits;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
    return bits;
}

__device__ __forceinline__ uint32_t high_product(uint32_t a, uint32_t b) {
    return __umulhi(a, b);
}

#endif

// Element types by the numbers of the Java side's DType.
#define F32 0
#define F16 1
#define BF16 2
#define I8 3

typedef long long int64;

#define ALL_LANES 0xffffffffu

__device__ __forceinline__ float bf16_to_float(uint16_t bits) {
    return __uint_as_float((uint32_t)bits << 16);
}

// To nearest, ties to even; NaN stays NaN.
__device__ __forceinline__ uint16_t float_to_bf16(float value) {
    uint32_t bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return (uint16_t)((bits >> 16) | 0x40u);
    }
    return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

// Element i of an array of any type; of I8 before its row's scale.
__device__ __forceinline__ float load(const void* from, int type, int64 i) {
    if (type == F32) {
        return ((const float*)from)[i];
    }
    if (type == I8) {
        return (float)((const signed char*)from)[i];
    }
    uint16_t bits = ((const uint16_t*)from)[i];
    return type == BF16 ? bf16_to_float(bits) : half_to_float(bits);
}

// What the elements of a row are to be multiplied by: 1 for types without scales.
__device__ __forceinline__ float scale_of(const float* scales, int row) {
    return scales == 0 ? 1.0f : scales[row];
}

// For types without scales.
__device__ __forceinline__ void store(void* to, int type, int64 i, float value) {
    if (type == F32) {
        ((float*)to)[i] = value;
    } else {
        ((uint16_t*)to)[i] = type == BF16 ? float_to_bf16(value) : float_to_half(value);
    }
}

// The column of this thread in kernels whose blocks lie side by side over the columns; rows are taken in strides of gridDim.y.
__device__ __forceinline__ int column_of_thread() {
    return (int)(blockIdx.x * blockDim.x + threadIdx.x);
}

template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
    for (int distance = 16; distance > 0; distance >>= 1) {
        value += __shfl_xor_sync(ALL_LANES, value, distance);
    }
    return value;
}

__device__ __forceinline__ float warp_max(float value) {
    for (int distance = 16; distance > 0; distance >>= 1) {
        value = fmaxf(value, __shfl_xor_sync(ALL_LANES, value, distance));
    }
    return value;
}

// The sum over all threads of a block, in every one of them; the order of the additions is fixed.
//
// partial: shared, one place per warp. It may be used again at once.
template <typename T>
__device__ __forceinline__ T block_sum(T value, T* partial) {
    int lane = threadIdx.x & 31;
    int warps = blockDim.x >> 5;
    value = warp_sum(value);
    __syncthreads();
    if (lane == 0) {
        partial[threadIdx.x >> 5] = value;
    }
    __syncthreads();
    return warp_sum(lane < warps ? partial[lane] : (T)0);
}

__device__ __forceinline__ float block_max(float value, float* partial) {
    int lane = threadIdx.x & 31;
    int warps = blockDim.x >> 5;
    value = warp_max(value);
    __syncthreads();
    if (lane == 0) {
        partial[threadIdx.x >> 5] = value;
    }
    __syncthreads();
    return warp_max(lane < warps ? partial[lane] : -INFINITY);
}
