package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// The map from token ids to hidden states, a table with a row per token: frozen, trained in full, or adapted.
public final class Embedding {

    private final String name;
    private Tensor weight;
    private @Nullable Parameter parameter;
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
        this.weight = weight;
    }

    /// The module's name on disk, `model.embed_tokens`.
    public String name() {
        return name;
    }

    /// The table, vocabulary × hidden.
    public Tensor weight() {
        return weight;
    }

    /// Adds an adaptation, or takes it away again.
    public void adapt(@Nullable Adaptation newAdaptation) {
        adaptation = newAdaptation;
    }

    /// Makes the table trainable and returns it; the frozen one is copied, never written to.
    Parameter train(Backend backend) {
        Parameter trained = Parameter.copyOf(backend, name + ".weight", weight, false);
        weight = trained.value();
        parameter = trained;
        return trained;
    }

    /// Whether [#backward] has anything to do.
    boolean isTrained() {
        return parameter != null || adaptation != null;
    }

    /// `y[i] = weight[ids[i]]`.
    ///
    /// @param y t × hidden
    void forward(Pass pass, int[] ids, Tensor y) {
        pass.backend().gatherRows(weight, ids, y);
        if (adaptation != null) {
            adaptation.forward(pass, ids, y);
        }
    }

    /// Gradients of what is trained.
    ///
    /// @param dy t × hidden
    void backward(Pass pass, Tensor dy, int[] ids) {
        if (parameter != null) {
            pass.backend().scatterAddRows(dy, ids, parameter.gradient());
        }
        if (adaptation != null) {
            adaptation.backward(pass, dy, ids);
        }
    }
}
