package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// A trained change of a frozen [Linear], such as a low-rank adapter. It carries out the product with the frozen weights
/// itself, as its own part often costs least together with it.
public interface Adaptation {

    /// `y = beta·y + f(x)`, where `f` is the adapted map without bias.
    ///
    /// @param weight the frozen weights, out × in, any type
    /// @param x t × in
    /// @param beta 0 (overwrite) or 1 (accumulate)
    /// @param y t × out
    /// @return what [#backward] needs, from the pass's workspace; null if nothing
    @Nullable
    Tensor forward(Pass pass, Tensor weight, Tensor x, float beta, Tensor y);

    /// Accumulates the gradients of the adaptation's own parameters; the gradient of the input is `dx = beta·dx + …`.
    ///
    /// @param dy t × out
    /// @param x the input of the forward pass
    /// @param saved what [#forward] returned
    /// @param dx t × in; null if the input's gradient is not needed
    void backward(
            Pass pass, Tensor weight, Tensor dy, Tensor x, @Nullable Tensor saved, float beta, @Nullable Tensor dx);
}
