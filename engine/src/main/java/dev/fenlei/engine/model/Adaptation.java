package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// Something that is added to a frozen [Linear], such as a low-rank adapter.
public interface Adaptation {

    /// Adds to `y` (t × out), which holds the frozen layer's output for `x` (t × in).
    ///
    /// @return what [#backward] needs, from the pass's workspace; null if nothing
    @Nullable
    Tensor forward(Pass pass, Tensor x, Tensor y);

    /// Accumulates the gradients of the adaptation's own parameters, and adds its part of the input's gradient.
    ///
    /// @param dy t × out
    /// @param x the input of the forward pass
    /// @param saved what [#forward] returned
    /// @param dx t × in, to be added to; null if the input's gradient is not needed
    void backward(Pass pass, Tensor dy, Tensor x, @Nullable Tensor saved, @Nullable Tensor dx);
}
