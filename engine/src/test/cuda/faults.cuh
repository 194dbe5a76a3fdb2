// Kernels with one mistake each, which the emulator must find.

// Turns the first half into the second; threads read what others write, without a barrier between.
KERNEL(missing_barrier, float* x, int count) {
    SHARED(float, turned, 256);
    int half = count / 2;
    turned[threadIdx.x] = x[threadIdx.x];
    x[half + threadIdx.x] = turned[half - 1 - threadIdx.x];
}

// Writes one element too far.
KERNEL(one_too_far, float* x, int count) {
    if (threadIdx.x == 0) {
        x[count] = 1.0f;
    }
}

// Adds up shared memory of which it has written a part.
KERNEL(uninitialised_read, float* x, int count) {
    SHARED(float, values, 64);
    if ((int)threadIdx.x < count - 1) {
        values[threadIdx.x] = x[threadIdx.x];
    }
    __syncthreads();
    x[threadIdx.x] = values[count - 1 - threadIdx.x];
}

// Only some threads come to the barrier.
KERNEL(barrier_in_a_branch, float* x, int count) {
    if ((int)threadIdx.x < count / 2) {
        __syncthreads();
    }
    x[threadIdx.x] = 1.0f;
}

// All blocks write one element.
KERNEL(last_block_wins, float* x, int count) {
    if (threadIdx.x == 0) {
        x[0] = (float)blockIdx.x + count;
    }
}
