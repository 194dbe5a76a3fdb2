// Operations on elements: matrices of rows x columns whose rows lie a stride apart.

KERNEL(fill, float* y, int64 yStride, int rows, int columns, float value) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        y[row * yStride + column] = value;
    }
}

KERNEL(scale, float* x, int64 xStride, int rows, int columns, float factor) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        x[row * xStride + column] *= factor;
    }
}

KERNEL(add, const float* x, int64 xStride, float alpha, float* y, int64 yStride, int rows, int columns) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        y[row * yStride + column] += alpha * x[row * xStride + column];
    }
}

KERNEL(copy, const void* from, int fromType, int64 fromStride, const float* fromScales, void* to, int toType,
       int64 toStride, int rows, int columns) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        float value = load(from, fromType, row * fromStride + column) * scale_of(fromScales, row);
        store(to, toType, row * toStride + column, value);
    }
}

// Elements of so many bytes as they are.
KERNEL(move_rows, const void* from, int64 fromStride, void* to, int64 toStride, int bytes, int rows, int columns) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        int64 source = row * fromStride + column;
        int64 target = row * toStride + column;
        if (bytes == 4) {
            ((uint32_t*)to)[target] = ((const uint32_t*)from)[source];
        } else if (bytes == 2) {
            ((uint16_t*)to)[target] = ((const uint16_t*)from)[source];
        } else {
            ((signed char*)to)[target] = ((const signed char*)from)[source];
        }
    }
}

// Rows to I8: the largest magnitude becomes 127. One block per row.
KERNEL(quantise_rows, const void* from, int fromType, int64 fromStride, const float* fromScales, signed char* to,
       int64 toStride, float* toScales, int columns) {
    SHARED(float, partial, 32);
    int row = blockIdx.x;
    float fromScale = scale_of(fromScales, row);
    float largest = 0.0f;
    float invalid = 0.0f;
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        float size = fabsf(load(from, fromType, row * fromStride + i) * fromScale);
        largest = fmaxf(largest, size);
        invalid += size != size ? 1.0f : 0.0f;  // fmaxf passes over what is not a number
    }
    float scale = block_max(largest, partial) / 127.0f;
    scale = block_sum(invalid, partial) > 0.0f ? NAN : scale;
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        float value = load(from, fromType, row * fromStride + i) * fromScale;
        to[row * toStride + i] = scale == 0.0f ? 0 : (signed char)rintf(value / scale);
    }
    if (threadIdx.x == 0) {
        toScales[row] = scale;
    }
}

KERNEL(swiglu, const float* gate, int64 gateStride, const float* up, int64 upStride, float* out, int64 outStride,
       int rows, int columns) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        float g = gate[row * gateStride + column];
        out[row * outStride + column] = g / (1.0f + expf(-g)) * up[row * upStride + column];
    }
}

// dGate and dUp may be gate and up themselves.
KERNEL(swiglu_backward, const float* dOut, int64 dOutStride, const float* gate, int64 gateStride, const float* up,
       int64 upStride, float* dGate, int64 dGateStride, float* dUp, int64 dUpStride, int rows, int columns) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        float d = dOut[row * dOutStride + column];
        float g = gate[row * gateStride + column];
        float u = up[row * upStride + column];
        float sigmoid = 1.0f / (1.0f + expf(-g));
        dGate[row * dGateStride + column] = d * u * sigmoid * (1.0f + g * (1.0f - sigmoid));
        dUp[row * dUpStride + column] = d * g * sigmoid;
    }
}

KERNEL(add_bias, float* y, int64 yStride, const void* bias, int biasType, int rows, int columns) {
    int column = column_of_thread();
    if (column >= columns) {
        return;
    }
    float b = load(bias, biasType, column);
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        y[row * yStride + column] += b;
    }
}

KERNEL(scale_columns, const float* x, int64 xStride, const float* factors, float beta, float* y, int64 yStride,
       int rows, int columns) {
    int column = column_of_thread();
    if (column >= columns) {
        return;
    }
    float factor = factors[column];
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        float kept = beta == 0.0f ? 0.0f : beta * y[row * yStride + column];
        y[row * yStride + column] = x[row * xStride + column] * factor + kept;
    }
}

// Philox4x32 (Salmon et al. 2011) with as many rounds as the host's masks have: half a word decides about an element.
__device__ __forceinline__ uint32_t mask_half(uint64_t key, uint64_t i) {
    uint32_t k0 = (uint32_t)key;
    uint32_t k1 = (uint32_t)(key >> 32);
    uint64_t counter = i >> 3;
    uint32_t c0 = (uint32_t)counter;
    uint32_t c1 = (uint32_t)(counter >> 32);
    uint32_t c2 = 0;
    uint32_t c3 = 0;
    for (int round = 0; round < 7; round++) {
        uint32_t n0 = high_product(0xCD9E8D57u, c2) ^ c1 ^ k0;
        uint32_t n2 = high_product(0xD2511F53u, c0) ^ c3 ^ k1;
        c1 = 0xCD9E8D57u * c2;
        c3 = 0xD2511F53u * c0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    uint32_t pair = (i & 2) != 0 ? ((i & 1) != 0 ? c3 : c2) : ((i & 1) != 0 ? c1 : c0);
    return (i & 4) != 0 ? pair >> 16 : pair & 0xffffu;
}

// threshold: elements whose half word lies below it are dropped. accumulate: 0 overwrites out, which may be x.
KERNEL(dropout, const float* x, int64 xStride, int threshold, float factor, int64 key, int accumulate, float* out,
       int64 outStride, int rows, int columns) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        uint64_t element = (uint64_t)row * (uint64_t)columns + (uint64_t)column;
        bool kept = mask_half((uint64_t)key, element) >= (uint32_t)threshold;
        float value = kept ? x[row * xStride + column] * factor : 0.0f;
        float old = accumulate != 0 ? out[row * outStride + column] : 0.0f;
        out[row * outStride + column] = old + value;
    }
}
