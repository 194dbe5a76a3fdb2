package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// The map from token ids to hidden states, a table with a row per token: frozen, trained in full, or adapted.
public final class Embedding {

    private final String name;
    private final Weight weight;
    private @Nullable Adaptation adaptation;

    /// Something that is added to a frozen embedding, such as a low-rank adapter.
    public interface Adaptation {

        /// Adds to `y` (t × hidden), which holds the frozen rows of the ids.
        void forward(Pass pass, int[] ids, Tensor y);

        /// Accumulates the gradients of the adaptation's own parameters.
        ///
        /// @param dy t × hidden
        void backward(Pass pass, Tensor dy, int[] ids);
    }

    /// @param name the module's name on disk, without `.weight`
    /// @param weight vocabulary × hidden, any type
    Embedding(String name, Tensor weight) {
        this.name = name;
        this.weight = new Weight(name + ".weight", weight, false);
    }

    /// The module's name on disk, `model.embed_tokens`.
    public String name() {
        return name;
    }

    /// The table, vocabulary × hidden.
    public Tensor weight() {
        return weight.value();
    }

    /// The same as something that can be replaced.
    Weight table() {
        return weight;
    }

    /// Adds an adaptation, or takes it away again.
    public void adapt(@Nullable Adaptation newAdaptation) {
        adaptation = newAdaptation;
    }

    /// Whether [#backward] has anything to do.
    boolean isTrained() {
        return weight.gradient() != null || adaptation != null;
    }

    /// `y[i] = weight[ids[i]]`.
    ///
    /// @param y t × hidden
    void forward(Pass pass, int[] ids, Tensor y) {
        pass.backend().gatherRows(weight.value(), ids, y);
        if (adaptation != null) {
            adaptation.forward(pass, ids, y);
        }
    }

    /// Gradients of what is trained.
    ///
    /// @param dy t × hidden
    void backward(Pass pass, Tensor dy, int[] ids) {
        Tensor dWeight = weight.gradient();
        if (dWeight != null) {
            pass.backend().scatterAddRows(dy, ids, dWeight);
        }
        if (adaptation != null) {
            adaptation.backward(pass, dy, ids);
        }
    }
}
