package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Adaptation;
import dev.fenlei.engine.model.Linear;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The low-rank update of one linear map: `y = x·Wᵀ + s·B(A(dropout(x)))` (Hu et al. 2021).
///
/// Gradients, with `x' = dropout(x)` and `u = s·x'·Aᵀ` (t × r): `dB = dYᵀ·u`, `du = s·dY·B`, `dA = duᵀ·x'`,
/// `dX = dY·W + mask ∘ (du·A)`. The gradient of the frozen matrix is never formed.
///
/// @param a r × in
/// @param b out × r
/// @param scaling s
record LoraLinear(Linear linear, AdapterTensor a, AdapterTensor b, float scaling, InputDropout dropout)
        implements
            Adaptation,
            AdaptedModule {

    static LoraLinear create(Backend backend, Linear linear, int rank, double scaling, InputDropout dropout) {
        return new LoraLinear(
                linear,
                AdapterTensor.zeros(
                        backend, linear.name() + ".lora_A.weight", rank, linear.inputSize(),
                        AdapterTensor.Layout.MATRIX),
                AdapterTensor.zeros(
                        backend, linear.name() + ".lora_B.weight", linear.outputSize(), rank,
                        AdapterTensor.Layout.MATRIX),
                (float) scaling,
                dropout);
    }

    @Override
    public String target() {
        return linear.name() + ".weight";
    }

    @Override
    public List<AdapterTensor> tensors() {
        return List.of(a, b);
    }

    @Override
    public void initialize(Backend backend, long key) {
        AdaptedModule.fillUniform(a.parameter().value(), key);
    }

    @Override
    public void select() {
        linear.adapt(this);
    }

    @Override
    public void merge(Backend backend, Tensor merged) {
        backend.matmul(b.parameter().value(), false, a.parameter().value(), false, scaling, 1, merged);
    }

    @Override
    public Tensor forward(Pass pass, Tensor weight, Tensor x, float beta, Tensor y) {
        Tensor u = bottleneck(pass, x);
        pass.backend().lowRankMatmul(x, weight, u, b.parameter().value(), true, beta, y);
        return u;
    }

    /// `u = s·dropout(x)·Aᵀ`, t × r.
    Tensor bottleneck(Pass pass, Tensor x) {
        Workspace workspace = pass.workspace();
        Parameter down = a.parameter();
        Tensor u = workspace.take(x.rows(), down.value().rows());
        Workspace.Mark mark = workspace.mark();
        pass.backend().matmul(dropout.apply(pass, x), false, down.value(), true, scaling, 0, u);
        workspace.release(mark);
        return u;
    }

    @Override
    public void backward(
            Pass pass, Tensor weight, Tensor dy, Tensor x, @Nullable Tensor saved, float beta, @Nullable Tensor dx) {
        Backend backend = pass.backend();
        Workspace workspace = pass.workspace();
        Parameter down = a.parameter();
        Parameter up = b.parameter();
        Tensor u = Objects.requireNonNull(saved);
        Workspace.Mark mark = workspace.mark();
        backend.matmul(dy, true, u, false, 1, 1, up.gradient());
        Tensor du = workspace.take(u.rows(), u.columns());
        backend.matmul(dy, false, up.value(), false, scaling, 0, du);
        backend.matmul(du, true, dropout.apply(pass, x), false, 1, 1, down.gradient());
        if (dx != null && dropout.acts(pass)) {
            Tensor dDropped = workspace.take(x.rows(), x.columns());
            backend.matmul(du, false, down.value(), false, 1, 0, dDropped);
            backend.matmul(dy, false, weight, false, 1, beta, dx);
            dropout.backward(pass, dDropped, dx);
        } else if (dx != null) {
            backend.lowRankMatmul(dy, weight, du, down.value(), false, beta, dx);
        }
        workspace.release(mark);
    }
}
