package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Embedding;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.List;

/// A low-rank update of an embedding whose columns have a trained length each (DoRA, Liu et al. 2024), as PEFT computes it:
/// `y = c ∘ (W[id] + s·B·A[:, id])`, where the norms of [DoraFactors] go over the whole vocabulary.
///
/// Gradients: `dm = Σ dY ∘ (y / c) / ‖W + s·B·A‖`; those of A and B are LoRA's with `c ∘ dY` in place of `dY`.
final class DoraEmbedding implements Embedding.Adaptation, AdaptedModule {

    /// Rows of the table that are widened at a time.
    private static final int ROWS = 4096;

    private final LoraEmbedding update;
    private final DoraFactors factors;

    DoraEmbedding(Backend backend, LoraEmbedding update) {
        this.update = update;
        this.factors = new DoraFactors(
                backend, update.embedding().name(), update.embedding().weight().columns(),
                on -> squaresOfColumns(on, update.embedding().weight()));
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
        update.embedding().adapt(this);
    }

    @Override
    public void merge(Backend backend, Tensor merged) {
        update.merge(backend, merged);
        double[] norms = squaresOfColumns(backend, merged);
        float[] values = factors.magnitude().parameter().value().toArray();
        for (int i = 0; i < norms.length; i++) {
            values[i] = norms[i] == 0 ? 0 : (float) (values[i] / Math.sqrt(norms[i]));
        }
        try (Workspace workspace = backend.newWorkspace()) {
            Tensor scales = workspace.take(1, norms.length);
            scales.copyFrom(values);
            backend.scaleColumns(merged, scales, 0, merged);
        }
    }

    private static double[] squaresOfColumns(Backend backend, Tensor table) {
        double[] result = new double[table.columns()];
        try (Workspace workspace = backend.newWorkspace()) {
            for (int from = 0; from < table.rows(); from += ROWS) {
                workspace.reset();
                int to = Math.min(table.rows(), from + ROWS);
                Tensor rows = workspace.take(to - from, table.columns());
                backend.copy(table.rows(from, to), rows);
                Tensor sums = workspace.take(1, table.columns());
                backend.fill(sums, 0);
                backend.columnDots(rows, rows, sums);
                float[] added = sums.toArray();
                for (int i = 0; i < result.length; i++) {
                    result[i] += added[i];
                }
            }
        }
        return result;
    }

    private void updateFactors(Pass pass) {
        if (factors.areCurrent(pass)) {
            return;
        }
        Workspace.Mark mark = pass.workspace().mark();
        Tensor a = update.a().parameter().value();
        Tensor table = update.embedding().weight();
        Tensor products = pass.workspace().take(table.columns(), a.columns());
        pass.backend().matmul(table, true, a, false, 1, 0, products);
        Tensor gram = pass.workspace().take(a.columns(), a.columns());
        pass.backend().matmul(a, true, a, false, 1, 0, gram);
        Tensor b = update.b().parameter().value();
        factors.update(pass, products, gram, b, update.scaling());
        pass.workspace().release(mark);
    }

    @Override
    public void forward(Pass pass, int[] ids, Tensor y) {
        updateFactors(pass);
        update.forward(pass, ids, y);
        factors.scale(pass, y, 0, y);
    }

    @Override
    public void backward(Pass pass, Tensor dy, int[] ids) {
        Workspace workspace = pass.workspace();
        Workspace.Mark mark = workspace.mark();
        Tensor z = workspace.take(dy.rows(), dy.columns());
        pass.backend().gatherRows(update.embedding().weight(), ids, z);
        update.forward(pass, ids, z);
        factors.backward(pass, dy, z);
        factors.scale(pass, dy, 0, z);
        update.backward(pass, z, ids);
        workspace.release(mark);
    }
}
