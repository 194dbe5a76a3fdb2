package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Embedding;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.List;

/// The low-rank update of an embedding: `y += s·B·A[:, id]`, without dropout, as PEFT has it. A head that is tied to the
/// embedding keeps the frozen weights.
///
/// Gradients, with `u = A[:, ids]ᵀ` (t × r): `dB = s·dYᵀ·u`, `du = s·dY·B`, and row `i` of `du` goes to column `ids[i]` of `dA`.
///
/// @param a Aᵀ, vocabulary × r: a token's numbers lie side by side here, and in columns on disk
/// @param b hidden × r
/// @param scaling s
record LoraEmbedding(Embedding embedding, AdapterTensor a, AdapterTensor b, float scaling)
        implements
            Embedding.Adaptation,
            AdaptedModule {

    private static final int SAMPLE = 4096;

    static LoraEmbedding create(Backend backend, Embedding embedding, int rank, double scaling) {
        // PEFT names these two without ".weight".
        return new LoraEmbedding(
                embedding,
                AdapterTensor.zeros(
                        backend, embedding.name() + ".lora_embedding_A", embedding.weight().rows(), rank,
                        AdapterTensor.Layout.TURNED),
                AdapterTensor.zeros(
                        backend, embedding.name() + ".lora_embedding_B", embedding.weight().columns(), rank,
                        AdapterTensor.Layout.MATRIX),
                (float) scaling);
    }

    @Override
    public String target() {
        return embedding.name() + ".weight";
    }

    @Override
    public List<AdapterTensor> tensors() {
        return List.of(a, b);
    }

    /// A stays 0 and B is normal with the deviation of the embedding itself (PEFT takes 1), so that a step moves a token by the
    /// same share of its length whatever the scale of the model.
    @Override
    public void initialize(Backend backend, long key) {
        Tensor up = b.parameter().value();
        float[] values = new float[Math.toIntExact(up.size())];
        Philox.normal(key, deviation(backend), values);
        up.copyFrom(values);
    }

    /// The root of the mean square of the embedding, estimated from its first rows.
    private double deviation(Backend backend) {
        Tensor table = embedding.weight();
        try (Workspace workspace = backend.newWorkspace()) {
            Tensor rows = workspace.take(Math.min(SAMPLE, table.rows()), table.columns());
            backend.copy(table.rows(0, rows.rows()), rows);
            return Math.sqrt(backend.sumOfSquares(rows) / rows.size());
        }
    }

    @Override
    public void select() {
        embedding.adapt(this);
    }

    @Override
    public void merge(Backend backend, Tensor merged) {
        backend.matmul(a.parameter().value(), false, b.parameter().value(), true, scaling, 1, merged);
    }

    @Override
    public void forward(Pass pass, int[] ids, Tensor y) {
        Workspace.Mark mark = pass.workspace().mark();
        pass.backend().matmul(gather(pass, ids), false, b.parameter().value(), true, scaling, 1, y);
        pass.workspace().release(mark);
    }

    @Override
    public void backward(Pass pass, Tensor dy, int[] ids) {
        Backend backend = pass.backend();
        Workspace workspace = pass.workspace();
        Workspace.Mark mark = workspace.mark();
        Tensor u = gather(pass, ids);
        backend.matmul(dy, true, u, false, scaling, 1, b.parameter().gradient());
        backend.matmul(dy, false, b.parameter().value(), false, scaling, 0, u);
        backend.scatterAddRows(u, ids, a.parameter().gradient());
        workspace.release(mark);
    }

    private Tensor gather(Pass pass, int[] ids) {
        Tensor table = a.parameter().value();
        Tensor u = pass.workspace().take(ids.length, table.columns());
        pass.backend().gatherRows(table, ids, u);
        return u;
    }
}
