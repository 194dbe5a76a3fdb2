package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;

/// Something that is trained: an F32 master copy and the gradient that backward passes accumulate.
///
/// @param name its name on disk
/// @param value the weights, F32
/// @param gradient of the same shape
/// @param vector whether it is a bias or a norm's weight, which weight decay leaves alone as `transformers` does
public record Parameter(String name, Tensor value, Tensor gradient, boolean vector) {

    /// An F32 master copy of `source` with a gradient of zeros.
    static Parameter copyOf(Backend backend, String name, Tensor source, boolean vector) {
        Tensor value = backend.allocate(DType.F32, source.rows(), source.columns());
        backend.copy(source, value);
        return new Parameter(name, value, backend.allocate(DType.F32, source.rows(), source.columns()), vector);
    }
}
