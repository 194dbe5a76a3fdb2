// Softmax over the vocabulary; one block per row.

// losses[row] = -ln softmax(logits)[target], logits = factor * (softmax(logits) - onehot(target)). Columns from classes on get 0.
KERNEL(cross_entropy, float* logits, int64 stride, const int* targets, int classes, int columns, float factor,
       float* losses) {
    SHARED(float, partial, 32);
    float* row = logits + blockIdx.x * stride;
    int target = targets[blockIdx.x];
    float largest = -INFINITY;
    for (int i = threadIdx.x; i < classes; i += blockDim.x) {
        largest = fmaxf(largest, row[i]);
    }
    largest = block_max(largest, partial);
    float sum = 0.0f;
    for (int i = threadIdx.x; i < classes; i += blockDim.x) {
        sum += expf(row[i] - largest);
    }
    sum = block_sum(sum, partial);
    if (threadIdx.x == 0) {
        losses[blockIdx.x] = largest - row[target] + logf(sum);
    }
    __syncthreads(); // the target's logit is overwritten below
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        float share = i < classes ? expf(row[i] - largest) / sum - (i == target ? 1.0f : 0.0f) : 0.0f;
        row[i] = factor * share;
    }
}

// logits -= ln sum exp(logits) over the classes; other columns become -infinity.
KERNEL(log_softmax, float* logits, int64 stride, int classes, int columns) {
    SHARED(float, partial, 32);
    float* row = logits + blockIdx.x * stride;
    float largest = -INFINITY;
    for (int i = threadIdx.x; i < classes; i += blockDim.x) {
        largest = fmaxf(largest, row[i]);
    }
    largest = block_max(largest, partial);
    float sum = 0.0f;
    for (int i = threadIdx.x; i < classes; i += blockDim.x) {
        sum += expf(row[i] - largest);
    }
    float logarithm = logf(block_sum(sum, partial));
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        row[i] = i < classes ? row[i] - largest - logarithm : -INFINITY;
    }
}
