package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.util.Objects;

/// Whether the matrices of a model are held in fewer bits than they are stored in.
///
/// Quantised are the linear maps of the layers and an untied head, each row by a scale of its own; embedding, norms and biases
/// keep their type. Quantised weights are frozen: adapters are trained on top of them in full precision (as Dettmers et al.
/// 2023, "QLoRA", does with 4 bits).
public enum Quantization {
    /// As they are stored.
    NONE,
    /// Whole numbers of 8 bits; see [dev.fenlei.engine.tensor.Int8].
    INT8;

    /// The matrix as this says; itself if that changes nothing.
    ///
    /// @param name the tensor's name on disk
    /// @param backend holds the quantised copy until it is closed
    /// @throws ModelException if an element is infinite or not a number
    Tensor apply(Backend backend, Weights weights, String name, Tensor weight) throws IOException {
        if (this == NONE || weight.dtype() == DType.I8) {
            return weight;
        }
        Tensor quantised = backend.allocate(DType.I8, weight.rows(), weight.columns());
        quantise(backend, weights, name, weight, quantised);
        return quantised;
    }

    /// Quantises the tensor `name` to `to`.
    static void quantise(Backend backend, Weights weights, String name, Tensor weight, Tensor to) throws IOException {
        backend.copy(weight, to);
        float[] scales = Objects.requireNonNull(to.scales()).toArray();
        for (int row = 0; row < scales.length; row++) {
            if (!Float.isFinite(scales[row])) {
                throw new ModelException(
                        weights.file(name),
                        "tensor '" + name + "' holds an infinite value or NaN in row " + row
                                + " and cannot be quantised");
            }
        }
    }
}
