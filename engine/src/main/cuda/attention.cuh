// What lies between the matrix products of attention. Scores of one chunk of queries are stored head by head: query i of head h
// at (h * queries + i) * stride, first the keys of the prefix, then those of the query's own sequence.

// What a query sees, six ints each: the first row of the prefix; the linear rows [from, to) of its sequence; its own row; how
// many rows of the tree (itself and its nearest ancestors); the number of its row in q. All but the last count from the first
// row of the sequence.
#define SIGHT 6

__device__ __forceinline__ bool sees(const int* sight, const int* parents, int prefix, int key) {
    if (key < prefix) {
        return key >= sight[0];
    }
    int row = key - prefix;
    if (row < sight[2]) {
        return row >= sight[1];
    }
    int node = sight[3];
    for (int i = 0; i < sight[4]; i++) {
        if (node == row) {
            return true;
        }
        node = parents[node];
    }
    return false;
}

// weights = softmax(scores) over what is seen, 0 elsewhere; weights may be scores.
//
// A block takes query blockIdx.x of head blockIdx.y.
KERNEL(attention_softmax, const float* scores, void* weights, int weightType, int64 stride, const int* sights,
       const int* parents, int prefix, int keys, int queries, float* logSumExp, int64 logSumExpStride) {
    SHARED(float, partial, 32);
    const int* sight = sights + (int64)blockIdx.x * SIGHT;
    int64 base = ((int64)blockIdx.y * queries + blockIdx.x) * stride;
    float largest = -INFINITY;
    for (int key = threadIdx.x; key < keys; key += blockDim.x) {
        if (sees(sight, parents, prefix, key)) {
            largest = fmaxf(largest, scores[base + key]);
        }
    }
    largest = block_max(largest, partial);
    float sum = 0.0f;
    for (int key = threadIdx.x; key < keys; key += blockDim.x) {
        if (sees(sight, parents, prefix, key)) {
            sum += expf(scores[base + key] - largest);
        }
    }
    sum = block_sum(sum, partial);
    for (int key = threadIdx.x; key < keys; key += blockDim.x) {
        float weight = sees(sight, parents, prefix, key) ? expf(scores[base + key] - largest) / sum : 0.0f;
        store(weights, weightType, base + key, weight);
    }
    if (threadIdx.x == 0) {
        logSumExp[sight[5] * logSumExpStride + blockIdx.y] = largest + logf(sum);
    }
}

// From the scores the weights again, and from the gradient of the weights that of the scores: with delta = dOut . out,
// dScore = weight * (dWeight - delta). weights may be scores, dScores may be dWeights.
KERNEL(attention_softmax_backward, const float* scores, const float* dWeights, void* weights, void* dScores, int type,
       int64 stride, const int* sights, const int* parents, int keys, int queries, const float* logSumExp,
       int64 logSumExpStride, const float* deltas, int64 deltaStride) {
    const int* sight = sights + (int64)blockIdx.x * SIGHT;
    int64 base = ((int64)blockIdx.y * queries + blockIdx.x) * stride;
    float sum = logSumExp[sight[5] * logSumExpStride + blockIdx.y];
    float delta = deltas[sight[5] * deltaStride + blockIdx.y];
    for (int key = threadIdx.x; key < keys; key += blockDim.x) {
        float weight = sees(sight, parents, 0, key) ? expf(scores[base + key] - sum) : 0.0f;
        float dScore = weight == 0.0f ? 0.0f : weight * (dWeights[base + key] - delta);
        store(weights, type, base + key, weight);
        store(dScores, type, base + key, dScore);
    }
}

// dots[row][head] = a . b over the elements of each head; one warp per row (blockIdx.x) and head (blockIdx.y).
KERNEL(head_dots, const float* a, int64 aStride, const float* b, int64 bStride, int size, float* dots,
       int64 dotStride) {
    int64 head = (int64)blockIdx.y * size;
    float sum = 0.0f;
    for (int i = threadIdx.x; i < size; i += 32) {
        sum += a[blockIdx.x * aStride + head + i] * b[blockIdx.x * bStride + head + i];
    }
    sum = warp_sum(sum);
    if (threadIdx.x == 0) {
        dots[blockIdx.x * dotStride + blockIdx.y] = sum;
    }
}
