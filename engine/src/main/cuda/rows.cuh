// Operations on whole rows and on columns, and single elements.

KERNEL(gather_rows, const void* table, int tableType, int64 tableStride, const float* tableScales, const int* ids,
       float* out, int64 outStride, int rows, int columns) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        int id = ids[row];
        out[row * outStride + column] = load(table, tableType, id * tableStride + column) * scale_of(tableScales, id);
    }
}

// Adds to each of some rows of a table, in order: order holds the numbers of the added rows sorted by their place in the table,
// and first[i] .. first[i + 1] are those that go to row ids[i].
KERNEL(scatter_add_rows, const float* added, int64 addedStride, const int* order, const int* first, const int* ids,
       float* table, int64 tableStride, int distinct, int columns) {
    int column = column_of_thread();
    for (int i = blockIdx.y; i < distinct && column < columns; i += gridDim.y) {
        float sum = table[ids[i] * tableStride + column];
        for (int k = first[i]; k < first[i + 1]; k++) {
            sum += added[order[k] * addedStride + column];
        }
        table[ids[i] * tableStride + column] = sum;
    }
}

KERNEL(pick, const float* x, int64 xStride, const int* rows, const int* columns, float* out, int count) {
    int i = column_of_thread();
    if (i < count) {
        out[i] = x[rows[i] * xStride + columns[i]];
    }
}

// sums[c] += over rows and groups of a[row][g*n + c] * b[row][g*n + c] * factors[row][g], without b or factors where they are
// null. A block of 8 x 32 threads takes 32 columns; warp w takes rows w, w + 8, ...
KERNEL(column_sums, const float* a, int64 aStride, const float* b, int64 bStride, const float* factors,
       int64 factorStride, float* sums, int rows, int groups, int columns) {
    SHARED(float, partial, 256);
    int lane = threadIdx.x & 31;
    int warp = threadIdx.x >> 5;
    int column = (int)(blockIdx.x * 32) + lane;
    float sum = 0.0f;
    if (column < columns) {
        for (int row = warp; row < rows; row += 8) {
            for (int group = 0; group < groups; group++) {
                int64 place = (int64)group * columns + column;
                float value = a[row * aStride + place];
                if (b != 0) {
                    value *= b[row * bStride + place];
                }
                if (factors != 0) {
                    value *= factors[row * factorStride + group];
                }
                sum += value;
            }
        }
    }
    partial[threadIdx.x] = sum;
    __syncthreads();
    if (warp == 0 && column < columns) {
        for (int w = 1; w < 8; w++) {
            sum += partial[w * 32 + lane];
        }
        sums[column] += sum;
    }
}

// The sum of squares of every gridDim.x-th piece of blockDim.x elements, in row order.
KERNEL(sum_of_squares, const float* x, int64 xStride, int rows, int columns, double* sums) {
    SHARED(double, partial, 32);
    double sum = 0.0;
    int64 size = (int64)rows * columns;
    for (int64 i = (int64)blockIdx.x * blockDim.x + threadIdx.x; i < size; i += (int64)gridDim.x * blockDim.x) {
        double value = x[xStride == columns ? i : i / columns * xStride + i % columns];
        sum += value * value;
    }
    sum = block_sum(sum, partial);
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = sum;
    }
}

// One block: sums[0] becomes the sum of all.
KERNEL(add_up, double* sums, int count) {
    SHARED(double, partial, 32);
    double sum = 0.0;
    for (int i = threadIdx.x; i < count; i += blockDim.x) {
        sum += sums[i];
    }
    sum = block_sum(sum, partial);
    if (threadIdx.x == 0) {
        sums[0] = sum;
    }
}
