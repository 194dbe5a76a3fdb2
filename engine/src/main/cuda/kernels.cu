// All kernels, as one module; tools/build-kernels compiles it.
#include "device.cuh"

#include "elementwise.cuh"
#include "rows.cuh"
#include "norm.cuh"
#include "attention.cuh"
#include "loss.cuh"
#include "optimizer.cuh"
