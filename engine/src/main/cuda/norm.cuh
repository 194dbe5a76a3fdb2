// Root-mean-square normalisation, and rotary positions. One block takes one group of a row.

KERNEL(rms_norm, const float* x, int64 xStride, const void* weight, int weightType, float eps, float* y, int64 yStride,
       float* inverseRms, int64 inverseStride, int groups, int columns) {
    SHARED(float, partial, 32);
    int row = blockIdx.x / groups;
    int group = blockIdx.x % groups;
    const float* from = x + row * xStride + (int64)group * columns;
    float* to = y + row * yStride + (int64)group * columns;
    float sum = 0.0f;
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        sum += from[i] * from[i];
    }
    float inverse = 1.0f / sqrtf(block_sum(sum, partial) / columns + eps);
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        to[i] = from[i] * inverse * load(weight, weightType, i);
    }
    if (threadIdx.x == 0) {
        inverseRms[row * inverseStride + group] = inverse;
    }
}

// With r = inverseRms: dx += r * (w * dy - x * r^2 * mean(w * dy * x)).
KERNEL(rms_norm_backward, const float* dy, int64 dyStride, const float* x, int64 xStride, const void* weight,
       int weightType, const float* inverseRms, int64 inverseStride, float* dx, int64 dxStride, int groups,
       int columns) {
    SHARED(float, partial, 32);
    int row = blockIdx.x / groups;
    int group = blockIdx.x % groups;
    const float* gradient = dy + row * dyStride + (int64)group * columns;
    const float* from = x + row * xStride + (int64)group * columns;
    float* to = dx + row * dxStride + (int64)group * columns;
    float dot = 0.0f;
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        dot += gradient[i] * from[i] * load(weight, weightType, i);
    }
    float r = inverseRms[row * inverseStride + group];
    float share = block_sum(dot, partial) * r * r / columns;
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        to[i] += r * (gradient[i] * load(weight, weightType, i) - from[i] * share);
    }
}

// One thread per pair of elements half a head apart. direction: 1, or -1 to rotate back.
KERNEL(rotary, float* x, int64 xStride, const int* positions, const float* cosines, int64 cosStride,
       const float* sines, int64 sinStride, int half, float direction, int rows, int pairs) {
    int pair = column_of_thread();
    if (pair >= pairs) {
        return;
    }
    int angle = pair % half;
    int64 place = (int64)(pair / half) * 2 * half + angle;
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        float c = cosines[positions[row] * cosStride + angle];
        float s = sines[positions[row] * sinStride + angle] * direction;
        float a = x[row * xStride + place];
        float b = x[row * xStride + place + half];
        x[row * xStride + place] = a * c - b * s;
        x[row * xStride + place + half] = b * c + a * s;
    }
}
