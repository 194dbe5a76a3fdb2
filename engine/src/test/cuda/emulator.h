// The half of device.cuh that depends on the machine, for the emulator: kernels are ordinary functions, each thread of a block
// runs on a stack of its own, and barriers and shuffles hand over to the scheduler in emulator.cpp.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

namespace emulator {

struct Index {
    unsigned x = 0, y = 0, z = 0;
};

// What a lane waits for at a shuffle: the other lanes of its warp, at the same line.
struct Exchange {
    unsigned mask;
    int line;
};

extern Index thread_index, block_index, block_size, grid_size;

// Waits for all threads of the block, which must come to the same line.
void barrier(int line);

// Publishes a word, waits for the lanes of the mask, and returns the word that lane `source` published.
uint64_t exchange(uint64_t word, unsigned source, Exchange at);

// Memory that the block's threads share, the same for the same key; poisoned when the block begins.
void* shared(const void* key, size_t bytes);

template <typename T>
T shuffle_xor(unsigned mask, T value, int distance, int line) {
    static_assert(sizeof(T) <= sizeof(uint64_t));
    uint64_t word = 0;
    std::memcpy(&word, &value, sizeof(T));
    word = exchange(word, (thread_index.x & 31) ^ (unsigned)distance, {mask, line});
    std::memcpy(&value, &word, sizeof(T));
    return value;
}

// The kind of a kernel's parameter, by which its PTX type is known: pointer, pointer to what is only read, long, int, float.
template <typename T>
constexpr char kind() {
    if constexpr (std::is_pointer_v<T>) {
        return std::is_const_v<std::remove_pointer_t<T>> ? 'c' : 'p';
    } else if constexpr (std::is_same_v<T, long long>) {
        return 'l';
    } else if constexpr (std::is_same_v<T, int>) {
        return 'i';
    } else {
        static_assert(std::is_same_v<T, float>, "parameters are pointers, int, long long and float");
        return 'f';
    }
}

template <auto F>
struct Signature;

template <typename... A, void (*F)(A...)>
struct Signature<F> {
    template <size_t... I>
    static void call(const uint64_t* words, std::index_sequence<I...>) {
        F(argument<A>(words[I])...);
    }

    template <typename T>
    static T argument(uint64_t word) {
        T value;
        std::memcpy(&value, &word, sizeof(T));
        return value;
    }

    static void call(const uint64_t* words) {
        call(words, std::index_sequence_for<A...>{});
    }

    static std::vector<char> kinds() {
        return {kind<A>()...};
    }
};

struct Kernel {
    const char* name;
    void (*call)(const uint64_t* words);
    std::vector<char> kinds;
};

std::vector<Kernel>& kernels();

struct Registration {
    explicit Registration(Kernel kernel) {
        kernels().push_back(std::move(kernel));
    }
};

}  // namespace emulator

#define KERNEL(name, ...)                                                                                              \
    static void name(__VA_ARGS__);                                                                                     \
    static emulator::Registration registration_of_##name(                                                              \
        {#name, emulator::Signature<&name>::call, emulator::Signature<&name>::kinds()});                               \
    static void name(__VA_ARGS__)

#define SHARED(type, name, count)                                                                                      \
    static char key_of_##name;                                                                                         \
    type* name = (type*)emulator::shared(&key_of_##name, sizeof(type) * (count))

#define __device__ static inline
#define __forceinline__
#define threadIdx emulator::thread_index
#define blockIdx emulator::block_index
#define blockDim emulator::block_size
#define gridDim emulator::grid_size
#define __syncthreads() emulator::barrier(__LINE__)
#define __shfl_xor_sync(mask, value, distance) emulator::shuffle_xor(mask, value, distance, __LINE__)

static inline uint32_t __float_as_uint(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float __uint_as_float(uint32_t bits) {
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t high_product(uint32_t a, uint32_t b) {
    return (uint32_t)(((uint64_t)a * b) >> 32);
}

float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);
