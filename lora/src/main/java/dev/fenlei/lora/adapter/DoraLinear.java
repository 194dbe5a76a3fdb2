package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Adaptation;
import dev.fenlei.engine.model.Linear;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// A low-rank update of a linear map whose outputs have a trained length each (DoRA, Liu et al. 2024), as PEFT computes it:
/// with `x' = dropout(x)`, `z = x'·Wᵀ + s·B(A(x'))` and `c` of [DoraFactors], `y = (x − x')·Wᵀ + c ∘ z`.
///
/// Gradients: `dm = Σ dY ∘ z / ‖W + s·B·A‖` over the rows; those of A and B are LoRA's with `c ∘ dY` in place of `dY`;
/// `dX = dY·W + mask ∘ ((c ∘ dY − dY)·W + du·A)`.
final class DoraLinear implements Adaptation, AdaptedModule {

    /// Rows of a weight that are widened at a time.
    private static final int ROWS = 1024;

    private final LoraLinear update;
    private final InputDropout dropout;
    private final DoraFactors factors;

    /// @param update the update, without dropout
    DoraLinear(Backend backend, LoraLinear update, InputDropout dropout) {
        this.update = update;
        this.dropout = dropout;
        this.factors = new DoraFactors(
                backend, update.linear().name(), update.linear().outputSize(),
                on -> squaresOfRows(on, update.linear().weight()));
    }

    @Override
    public String target() {
        return update.target();
    }

    @Override
    public List<AdapterTensor> tensors() {
        return List.of(update.a(), update.b(), factors.magnitude());
    }

    @Override
    public void initialize(Backend backend, long key) {
        update.initialize(backend, key);
        factors.initialize(backend);
    }

    @Override
    public void select() {
        update.linear().adapt(this);
    }

    @Override
    public void merge(Backend backend, Tensor merged) {
        update.merge(backend, merged);
        float[] m = factors.magnitude().parameter().value().toArray();
        for (int i = 0; i < merged.rows(); i++) {
            double norm = Math.sqrt(backend.sumOfSquares(merged.row(i)));
            if (norm > 0) {
                backend.scale(merged.row(i), (float) (m[i] / norm));
            }
        }
    }

    private static double[] squaresOfRows(Backend backend, Tensor weight) {
        double[] result = new double[weight.rows()];
        try (Workspace workspace = backend.newWorkspace()) {
            for (int from = 0; from < result.length; from += ROWS) {
                workspace.reset();
                int to = Math.min(result.length, from + ROWS);
                Tensor rows = workspace.take(to - from, weight.columns());
                backend.copy(weight.rows(from, to), rows);
                for (int i = from; i < to; i++) {
                    result[i] = backend.sumOfSquares(rows.row(i - from));
                }
            }
        }
        return result;
    }

    private void updateFactors(Pass pass, Tensor weight) {
        if (factors.areCurrent(pass)) {
            return;
        }
        Workspace.Mark mark = pass.workspace().mark();
        Tensor a = update.a().parameter().value();
        Tensor products = pass.workspace().take(weight.rows(), a.rows());
        pass.backend().matmul(weight, false, a, true, 1, 0, products);
        Tensor gram = pass.workspace().take(a.rows(), a.rows());
        pass.backend().matmul(a, false, a, true, 1, 0, gram);
        Tensor b = update.b().parameter().value();
        factors.update(pass, products, gram, b, update.scaling());
        pass.workspace().release(mark);
    }

    @Override
    public Tensor forward(Pass pass, Tensor weight, Tensor x, float beta, Tensor y) {
        Backend backend = pass.backend();
        Workspace workspace = pass.workspace();
        updateFactors(pass, weight);
        Tensor z = workspace.take(y.rows(), y.columns());
        Workspace.Mark mark = workspace.mark();
        Tensor dropped = dropout.apply(pass, x);
        Tensor _ = update.forward(pass, weight, dropped, 0, z);
        if (dropout.acts(pass)) {
            Tensor rest = workspace.take(x.rows(), x.columns());
            backend.copy(x, rest);
            backend.add(dropped, -1, rest);
            backend.matmul(rest, false, weight, true, 1, beta, y);
            factors.scale(pass, z, 1, y);
        } else {
            factors.scale(pass, z, beta, y);
        }
        workspace.release(mark);
        return z;
    }

    @Override
    public void backward(
            Pass pass, Tensor weight, Tensor dy, Tensor x, @Nullable Tensor saved, float beta, @Nullable Tensor dx) {
        Backend backend = pass.backend();
        Workspace workspace = pass.workspace();
        factors.backward(pass, dy, Objects.requireNonNull(saved));
        Workspace.Mark mark = workspace.mark();
        Tensor scaled = workspace.take(dy.rows(), dy.columns());
        factors.scale(pass, dy, 0, scaled);
        Tensor dropped = dropout.apply(pass, x);
        Tensor u = update.bottleneck(pass, dropped);
        if (dx == null || !dropout.acts(pass)) {
            update.backward(pass, weight, scaled, dropped, u, beta, dx);
        } else {
            Tensor dDropped = workspace.take(x.rows(), x.columns());
            update.backward(pass, weight, scaled, dropped, u, 0, dDropped);
            backend.matmul(dy, false, weight, false, -1, 1, dDropped);
            backend.matmul(dy, false, weight, false, 1, beta, dx);
            dropout.backward(pass, dDropped, dx);
        }
        workspace.release(mark);
    }
}
