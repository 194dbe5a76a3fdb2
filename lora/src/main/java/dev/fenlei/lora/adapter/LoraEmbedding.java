package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Embedding;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;

/// The low-rank update of an embedding: `y += s·B·A[:, id]`, without dropout, as PEFT has it. A head that is tied to the
/// embedding keeps the frozen weights.
///
/// Gradients, with `u = A[:, ids]ᵀ` (t × r): `dB = s·dYᵀ·u`, `du = s·dY·B`, and row `i` of `du` goes to column `ids[i]` of `dA`.
///
/// @param a Aᵀ, vocabulary × r: a token's numbers lie side by side here, and in columns on disk
/// @param b hidden × r
/// @param scaling s
record LoraEmbedding(Parameter a, Parameter b, float scaling) implements Embedding.Adaptation {

    @Override
    public void forward(Pass pass, int[] ids, Tensor y) {
        Workspace.Mark mark = pass.workspace().mark();
        pass.backend().matmul(gather(pass, ids), false, b.value(), true, scaling, 1, y);
        pass.workspace().release(mark);
    }

    @Override
    public void backward(Pass pass, Tensor dy, int[] ids) {
        Backend backend = pass.backend();
        Workspace workspace = pass.workspace();
        Workspace.Mark mark = workspace.mark();
        Tensor u = gather(pass, ids);
        backend.matmul(dy, true, u, false, scaling, 1, b.gradient());
        backend.matmul(dy, false, b.value(), false, scaling, 0, u);
        backend.scatterAddRows(u, ids, a.gradient());
        workspace.release(mark);
    }

    private Tensor gather(Pass pass, int[] ids) {
        Tensor u = pass.workspace().take(ids.length, a.value().columns());
        pass.backend().gatherRows(a.value(), ids, u);
        return u;
    }

    /// Adds the update to a table in single precision, vocabulary × hidden.
    void addTo(Backend backend, Tensor table) {
        backend.matmul(a.value(), false, b.value(), true, scaling, 1, table);
    }
}
