// AdamW (Loshchilov & Hutter 2019). rate: lr / (1 - beta1^t); rootCorrection: sqrt(1 - beta2^t); decay: 1 - lr * weight decay.
KERNEL(adamw, float* parameter, int64 parameterStride, const float* gradient, int64 gradientStride, float* m,
       int64 mStride, float* v, int64 vStride, int rows, int columns, float gradientScale, float decay, float beta1,
       float rest1, float beta2, float rest2, float rate, float rootCorrection, float epsilon) {
    int column = column_of_thread();
    for (int row = blockIdx.y; row < rows && column < columns; row += gridDim.y) {
        float g = gradient[row * gradientStride + column] * gradientScale;
        float mean = m[row * mStride + column] * beta1 + g * rest1;
        float square = v[row * vStride + column] * beta2 + g * g * rest2;
        float change = mean / (sqrtf(square) / rootCorrection + epsilon) * rate;
        m[row * mStride + column] = mean;
        v[row * vStride + column] = square;
        parameter[row * parameterStride + column] = parameter[row * parameterStride + column] * decay - change;
    }
}
