// What the parts of the emulator share: the launcher of kernels, the device's memory, streams, and the error that ends a context.
#pragma once

#include "emulator.h"

#include <functional>
#include <string>

namespace emulator {

// Fills fresh memory: floats of it are NaN.
const int POISON = 0xff;

enum class Schedule { FORWARD, REVERSE, RANDOM, ALL };

// Runs all blocks of a kernel. Returns what went wrong, empty if nothing did.
std::string run(const Kernel& launched, const std::vector<uint64_t>& words, Index grid, unsigned block,
                Schedule schedule);

const int SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101,
          INVALID_CONTEXT = 201, INVALID_PTX = 218, UNSUPPORTED_PTX_VERSION = 222, INVALID_HANDLE = 400, NOT_FOUND = 500,
          ILLEGAL_ADDRESS = 700, LAUNCH_FAILED = 719;

// The first error of the context: every later call returns it. Returns the status.
int fail_context(int status, const std::string& message);

// What a call returns before it does anything: the context's error, or that this thread has no context.
int ready();

// Whether the bytes lie in one allocation.
bool on_device(uint64_t address, uint64_t bytes);

// Does an operation in its turn: at once, or in lazy mode when somebody waits for the stream.
int submit(uint64_t stream, std::function<int()> operation);

}  // namespace emulator
