// The product's kernels, as the emulator runs them.
#define FENLEI_EMULATOR
#include "../../main/cuda/kernels.cu"

#include "faults.cuh"
