package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The gated feed-forward network `down(silu(gate(x)) · up(x))` (SwiGLU, Shazeer 2020).
final class GatedMlp {

    final Linear gate;
    final Linear up;
    final Linear down;

    GatedMlp(Linear gate, Linear up, Linear down) {
        this.gate = gate;
        this.up = up;
        this.down = down;
    }

    /// What the backward pass needs; it overwrites `gate` and `up`.
    record Saved(
            Tensor input,
            Tensor gate,
            Tensor up,
            Tensor activated,
            @Nullable Tensor gateAdaptation,
            @Nullable Tensor upAdaptation,
            @Nullable Tensor downAdaptation) {}

    List<Linear> linears() {
        return List.of(gate, up, down);
    }

    /// Adds the network's output for `x` (t × hidden) to `residual`.
    Saved forward(Pass pass, Tensor x, Tensor residual) {
        Workspace workspace = pass.workspace();
        int rows = x.rows();
        Tensor g = workspace.take(rows, gate.outputSize());
        Tensor u = workspace.take(rows, up.outputSize());
        Tensor gateAdaptation = gate.forward(pass, x, g, false);
        Tensor upAdaptation = up.forward(pass, x, u, false);
        Tensor activated = workspace.take(rows, gate.outputSize());
        pass.backend().swiGlu(g, u, activated);
        Tensor downAdaptation = down.forward(pass, activated, residual, true);
        return new Saved(x, g, u, activated, gateAdaptation, upAdaptation, downAdaptation);
    }

    /// Gradient of the input from the gradient of the residual stream behind the network.
    ///
    /// @param dy t × hidden
    /// @param dx t × hidden, overwritten
    void backward(Pass pass, Tensor dy, Saved saved, Tensor dx) {
        Tensor dActivated = pass.workspace().take(dy.rows(), down.inputSize());
        down.backward(pass, dy, saved.activated(), saved.downAdaptation(), dActivated, false);
        pass.backend().swiGluBackward(dActivated, saved.gate(), saved.up(), saved.gate(), saved.up());
        gate.backward(pass, saved.gate(), saved.input(), saved.gateAdaptation(), dx, false);
        up.backward(pass, saved.up(), saved.input(), saved.upAdaptation(), dx, true);
    }
}
