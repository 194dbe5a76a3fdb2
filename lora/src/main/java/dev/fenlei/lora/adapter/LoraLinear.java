package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Adaptation;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The low-rank update of one linear map: `y = x·Wᵀ + s·B(A(dropout(x)))` (Hu et al. 2021).
///
/// Gradients, with `x' = dropout(x)` and `u = s·x'·Aᵀ` (t × r): `dB = dYᵀ·u`, `du = s·dY·B`, `dA = duᵀ·x'`,
/// `dX = dY·W + mask ∘ (du·A)`. The gradient of the frozen matrix is never formed.
final class LoraLinear implements Adaptation {

    private final Parameter a;
    private final Parameter b;
    private final float scaling;
    private final float dropout;
    private final int index;

    /// @param a r × in
    /// @param b out × r
    /// @param scaling s
    /// @param index the number of this module, which sets its dropout mask apart from the others'
    LoraLinear(Parameter a, Parameter b, double scaling, double dropout, int index) {
        this.a = a;
        this.b = b;
        this.scaling = (float) scaling;
        this.dropout = (float) dropout;
        this.index = index;
    }

    Parameter a() {
        return a;
    }

    Parameter b() {
        return b;
    }

    float scaling() {
        return scaling;
    }

    @Override
    public Tensor forward(Pass pass, Tensor weight, Tensor x, float beta, Tensor y) {
        Backend backend = pass.backend();
        Workspace workspace = pass.workspace();
        Tensor u = workspace.take(x.rows(), a.value().rows());
        Workspace.Mark mark = workspace.mark();
        backend.matmul(dropped(pass, x), false, a.value(), true, scaling, 0, u);
        workspace.release(mark);
        backend.lowRankMatmul(x, weight, u, b.value(), true, beta, y);
        return u;
    }

    @Override
    public void backward(
            Pass pass, Tensor weight, Tensor dy, Tensor x, @Nullable Tensor saved, float beta, @Nullable Tensor dx) {
        Backend backend = pass.backend();
        Workspace workspace = pass.workspace();
        Tensor u = Objects.requireNonNull(saved);
        Workspace.Mark mark = workspace.mark();
        backend.matmul(dy, true, u, false, 1, 1, b.gradient());
        Tensor du = workspace.take(u.rows(), u.columns());
        backend.matmul(dy, false, b.value(), false, scaling, 0, du);
        backend.matmul(du, true, dropped(pass, x), false, 1, 1, a.gradient());
        if (dx != null && isDropping(pass)) {
            Tensor dDropped = workspace.take(x.rows(), x.columns());
            backend.matmul(du, false, a.value(), false, 1, 0, dDropped);
            backend.matmul(dy, false, weight, false, 1, beta, dx);
            backend.dropout(dDropped, dropout, key(pass), true, dx);
        } else if (dx != null) {
            backend.lowRankMatmul(dy, weight, du, a.value(), false, beta, dx);
        }
        workspace.release(mark);
    }

    /// `dropout(x)`; the mask is a function of the key, so the backward pass finds the same one.
    private Tensor dropped(Pass pass, Tensor x) {
        if (!isDropping(pass)) {
            return x;
        }
        Tensor result = pass.workspace().take(x.rows(), x.columns());
        pass.backend().dropout(x, dropout, key(pass), false, result);
        return result;
    }

    private boolean isDropping(Pass pass) {
        return pass.training() && dropout > 0;
    }

    private long key(Pass pass) {
        return Philox.mix(pass.dropoutKey(), index);
    }
}
