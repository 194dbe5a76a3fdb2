// All kernels, as one module. To build: see KernelsTest, or
//   nvcc -arch=compute_80 -O3 -ptx kernels.cu, and ".version 7.0" for the version that the compiler wrote.
#include "device.cuh"

#include "elementwise.cuh"
#include "rows.cuh"
#include "norm.cuh"
#include "attention.cuh"
#include "loss.cuh"
#include "optimizer.cuh"
