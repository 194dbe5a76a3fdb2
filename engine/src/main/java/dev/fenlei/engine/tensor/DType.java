package dev.fenlei.engine.tensor;

/// Element types that tensors in memory can have. Names are those of the safetensors format.
public enum DType {
    /// IEEE 754 single precision.
    F32(4),
    /// IEEE 754 half precision.
    F16(2),
    /// bfloat16: the upper half of a single-precision number.
    BF16(2),
    /// Whole numbers of 8 bits, each row with a scale of its own: for frozen weights only; see [Int8].
    I8(1);

    private final int bytes;

    DType(int bytes) {
        this.bytes = bytes;
    }

    /// Size of one element in bytes.
    public int bytes() {
        return bytes;
    }
}
