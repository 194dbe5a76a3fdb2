package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;

/// Dropout on the input of an adapted map. The mask is a function of the pass's key, so the backward pass finds the same one.
///
/// @param probability of an element to be dropped in training
/// @param index the number of the module, which sets its mask apart from the others'
record InputDropout(float probability, int index) {

    /// No dropout.
    static final InputDropout NONE = new InputDropout(0, 0);

    boolean acts(Pass pass) {
        return pass.training() && probability > 0;
    }

    /// `dropout(x)`: `x` itself where dropout does not act, else in the pass's workspace.
    Tensor apply(Pass pass, Tensor x) {
        if (!acts(pass)) {
            return x;
        }
        Tensor result = pass.workspace().take(x.rows(), x.columns());
        pass.backend().dropout(x, probability, key(pass), false, result);
        return result;
    }

    /// Adds the gradient of the input to `dx`.
    ///
    /// @param dDropped the gradient of `dropout(x)`
    void backward(Pass pass, Tensor dDropped, Tensor dx) {
        pass.backend().dropout(dDropped, probability, key(pass), true, dx);
    }

    private long key(Pass pass) {
        return Philox.mix(pass.dropoutKey(), index);
    }
}
