package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A linear map `y = x·Wᵀ + b`, frozen, trained in full, or adapted.
public final class Linear {

    private final String name;
    private Tensor weight;
    private @Nullable Tensor bias;
    private @Nullable Parameter weightParameter;
    private @Nullable Parameter biasParameter;
    private @Nullable Adaptation adaptation;

    /// @param name the module's name on disk, without `.weight`
    /// @param weight out × in, any type
    /// @param bias 1 × out, any type
    Linear(String name, Tensor weight, @Nullable Tensor bias) {
        this.name = name;
        this.weight = weight;
        this.bias = bias;
    }

    /// The module's name on disk, for example `model.layers.0.self_attn.q_proj`.
    public String name() {
        return name;
    }

    /// W, out × in.
    public Tensor weight() {
        return weight;
    }

    /// The width of the input.
    public int inputSize() {
        return weight.columns();
    }

    /// The width of the output.
    public int outputSize() {
        return weight.rows();
    }

    /// Adds an adaptation, or takes it away again.
    public void adapt(@Nullable Adaptation newAdaptation) {
        adaptation = newAdaptation;
    }

    /// Makes the weights trainable and returns them; the frozen ones are copied, never written to.
    public List<Parameter> train(Backend backend) {
        List<Parameter> parameters = new ArrayList<>();
        weightParameter = Parameter.copyOf(backend, name + ".weight", weight, false);
        weight = weightParameter.value();
        parameters.add(weightParameter);
        if (bias != null) {
            biasParameter = Parameter.copyOf(backend, name + ".bias", bias, true);
            bias = biasParameter.value();
            parameters.add(biasParameter);
        }
        return parameters;
    }

    /// Lets this layer share another's trained weights (a head tied to the embedding).
    void share(Parameter parameter) {
        weightParameter = parameter;
        weight = parameter.value();
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
            backend.matmul(x, false, weight, true, 1, beta, y);
        } else {
            saved = adaptation.forward(pass, weight, x, beta, y);
        }
        if (bias != null) {
            backend.addBias(y, bias);
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
            adaptation.backward(pass, weight, dy, x, saved, beta, dx);
        } else if (dx != null) {
            backend.matmul(dy, false, weight, false, 1, beta, dx);
        }
        if (weightParameter != null) {
            backend.matmul(dy, true, x, false, 1, 1, weightParameter.gradient());
        }
        if (biasParameter != null) {
            backend.biasBackward(dy, biasParameter.gradient());
        }
    }
}
