package dev.fenlei.engine.safetensors;

import java.util.Arrays;
import java.util.stream.Collectors;

/// One entry of a safetensors header.
///
/// @param name the tensor's name
/// @param dtype the element type as the format spells it, for example `BF16`
/// @param shape the dimensions, outermost first; empty for a scalar
/// @param begin where the data begins, in bytes from the start of the data section
/// @param end where the data ends (exclusive)
public record TensorInfo(String name, String dtype, long[] shape, long begin, long end) {

    /// The number of elements.
    public long size() {
        return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
    }

    /// The number of bytes.
    public long byteSize() {
        return end - begin;
    }

    /// The shape as `[2, 3]`.
    public String shapeText() {
        return Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(", ", "[", "]"));
    }
}
