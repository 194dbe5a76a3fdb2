package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;

/// Root-mean-square normalisation with a learned scale.
final class RmsNorm {

    private final float eps;
    private final Weight weight;

    /// @param name the module's name on disk, without `.weight`
    /// @param weight 1 × width, any type. Rows of several times that width are normalised piece by piece.
    RmsNorm(String name, Tensor weight, float eps) {
        this.weight = new Weight(name + ".weight", weight, true);
        this.eps = eps;
    }

    /// What the backward pass needs.
    ///
    /// @param input t × width
    /// @param inverseRms t × pieces
    record Saved(Tensor input, Tensor inverseRms) {}

    Weight weight() {
        return weight;
    }

    /// Writes the normalised rows of `x` to `y`.
    Saved forward(Pass pass, Tensor x, Tensor y) {
        Tensor inverseRms = pass.workspace().take(x.rows(), x.columns() / weight.value().columns());
        pass.backend().rmsNorm(x, weight.value(), eps, y, inverseRms);
        return new Saved(x, inverseRms);
    }

    /// The input's gradient by itself, t × width.
    Tensor backward(Pass pass, Tensor dy, Saved saved) {
        Tensor dx = pass.workspace().take(dy.rows(), dy.columns());
        pass.backend().fill(dx, 0);
        backward(pass, dy, saved, dx);
        return dx;
    }

    /// Adds the input's gradient to `dx`.
    void backward(Pass pass, Tensor dy, Saved saved, Tensor dx) {
        pass.backend()
                .rmsNormBackward(
                        dy, saved.input(), weight.value(), saved.inverseRms(), dx, weight.gradient());
    }
}
