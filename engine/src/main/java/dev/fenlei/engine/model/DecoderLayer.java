package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// One layer of the decoder: `h += attention(norm(h))`, then `h += mlp(norm(h))`.
final class DecoderLayer {

    final RmsNorm attentionNorm;
    final Attention attention;
    final RmsNorm mlpNorm;
    final GatedMlp mlp;

    DecoderLayer(RmsNorm attentionNorm, Attention attention, RmsNorm mlpNorm, GatedMlp mlp) {
        this.attentionNorm = attentionNorm;
        this.attention = attention;
        this.mlpNorm = mlpNorm;
        this.mlp = mlp;
    }

    /// What the backward pass needs.
    record Saved(RmsNorm.Saved attentionNorm, Attention.Saved attention, RmsNorm.Saved mlpNorm, GatedMlp.Saved mlp) {}

    List<Linear> linears() {
        List<Linear> linears = new ArrayList<>(attention.linears());
        linears.addAll(mlp.linears());
        return linears;
    }

    /// @param input t × hidden, left unchanged
    /// @param output t × hidden, overwritten
    Saved forward(Pass pass, Batch batch, Tensor input, KeyValueCache.@Nullable Layer cache, Tensor output) {
        Workspace workspace = pass.workspace();
        int rows = input.rows();
        int hidden = input.columns();
        Tensor normed = workspace.take(rows, hidden);
        RmsNorm.Saved savedAttentionNorm = attentionNorm.forward(pass, input, normed);
        Tensor middle = workspace.take(rows, hidden);
        pass.backend().copy(input, middle);
        Attention.Saved savedAttention = attention.forward(pass, batch, normed, cache, middle);

        Tensor normedMiddle = workspace.take(rows, hidden);
        RmsNorm.Saved savedMlpNorm = mlpNorm.forward(pass, middle, normedMiddle);
        pass.backend().copy(middle, output);
        GatedMlp.Saved savedMlp = mlp.forward(pass, normedMiddle, output);
        return new Saved(savedAttentionNorm, savedAttention, savedMlpNorm, savedMlp);
    }

    /// Turns the gradient of the output into the gradient of the input, in place.
    ///
    /// @param gradient t × hidden
    /// @param inputGradient whether anything below is trained; if not, `gradient` is left meaningless
    void backward(Pass pass, Batch batch, Tensor gradient, Saved saved, boolean inputGradient) {
        Workspace workspace = pass.workspace();
        Workspace.Mark mark = workspace.mark();
        Tensor dNormed = workspace.take(gradient.rows(), gradient.columns());
        mlp.backward(pass, gradient, saved.mlp(), dNormed);
        mlpNorm.backward(pass, dNormed, saved.mlpNorm(), gradient);
        attention.backward(pass, batch, gradient, saved.attention(), inputGradient ? dNormed : null);
        if (inputGradient) {
            attentionNorm.backward(pass, dNormed, saved.attentionNorm(), gradient);
        }
        workspace.release(mark);
    }
}
