package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A linear map `y = x·Wᵀ + b`, frozen, trained in full, or adapted.
public final class Linear {

    private final String name;
    private final Weight weight;
    private final @Nullable Weight bias;
    private @Nullable Adaptation adaptation;

    /// @param name the module's name on disk, without `.weight`
    /// @param weight out × in, any type
    /// @param bias 1 × out, any type
    Linear(String name, Tensor weight, @Nullable Tensor bias) {
        this.name = name;
        this.weight = new Weight(name + ".weight", weight, false);
        this.bias = bias == null ? null : new Weight(name + ".bias", bias, true);
    }

    /// The module's name on disk, for example `model.layers.0.self_attn.q_proj`.
    public String name() {
        return name;
    }

    /// W, out × in.
    public Tensor weight() {
        return weight.value();
    }

    /// Its matrix, and its bias if it has one.
    List<Weight> weights() {
        return bias == null ? List.of(weight) : List.of(weight, bias);
    }

    /// The width of the input.
    public int inputSize() {
        return weight.value().columns();
    }

    /// The width of the output.
    public int outputSize() {
        return weight.value().rows();
    }

    /// Adds an adaptation, or takes it away again.
    public void adapt(@Nullable Adaptation newAdaptation) {
        adaptation = newAdaptation;
    }

    /// `y = x·Wᵀ + b`, or `y += …` when `accumulate`.
    ///
    /// @param x t × in
    /// @param y t × out
    /// @return what [#backward] needs of the adaptation
    @Nullable
    Tensor forward(Pass pass, Tensor x, Tensor y, boolean accumulate) {
        Backend backend = pass.backend();
        float beta = accumulate ? 1 : 0;
        Tensor saved = null;
        if (adaptation == null) {
            backend.matmul(x, false, weight.value(), true, 1, beta, y);
        } else {
            saved = adaptation.forward(pass, weight.value(), x, beta, y);
        }
        if (bias != null) {
            backend.addBias(y, bias.value());
        }
        return saved;
    }

    /// Gradients of the trained weights, and of the input: `dx = dy·W`, or `dx += …` when `accumulate`.
    ///
    /// @param dy t × out
    /// @param x the input of the forward pass
    /// @param saved what [#forward] returned
    /// @param dx t × in; null if the input's gradient is not needed
    void backward(Pass pass, Tensor dy, Tensor x, @Nullable Tensor saved, @Nullable Tensor dx, boolean accumulate) {
        Backend backend = pass.backend();
        float beta = accumulate ? 1 : 0;
        if (adaptation != null) {
            adaptation.backward(pass, weight.value(), dy, x, saved, beta, dx);
        } else if (dx != null) {
            backend.matmul(dy, false, weight.value(), false, 1, beta, dx);
        }
        Tensor dWeight = weight.gradient();
        if (dWeight != null) {
            backend.matmul(dy, true, x, false, 1, 1, dWeight);
        }
        Tensor dBias = bias == null ? null : bias.gradient();
        if (dBias != null) {
            backend.biasBackward(dy, dBias);
        }
    }
}
