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

    /// Everything that can be trained, in the order of the pass.
    List<Weight> weights() {
        List<Weight> weights = new ArrayList<>();
        weights.add(attentionNorm.weight());
        attention.linears().forEach(linear -> weights.addAll(linear.weights()));
        attention.norms().forEach(norm -> weights.add(norm.weight()));
        weights.add(mlpNorm.weight());
        mlp.linears().forEach(linear -> weights.addAll(linear.weights()));
        return weights;
    }

    /// @param input t × hidden, left unchanged
    /// @param outputs the n rows that are computed behind the attention; null for all
    /// @param output n × hidden, overwritten
    Saved forward(
            Pass pass, Batch batch, Tensor input, KeyValueCache.@Nullable Layer cache, int @Nullable [] outputs,
            Tensor output) {
        Workspace workspace = pass.workspace();
        Tensor normed = workspace.take(input.rows(), input.columns());
        RmsNorm.Saved savedAttentionNorm = attentionNorm.forward(pass, input, normed);
        Tensor middle = workspace.take(output.rows(), output.columns());
        if (outputs == null) {
            pass.backend().copy(input, middle);
        } else {
            pass.backend().gatherRows(input, outputs, middle);
        }
        Attention.Saved savedAttention = attention.forward(pass, batch, normed, cache, outputs, middle);

        Tensor normedMiddle = workspace.take(output.rows(), output.columns());
        RmsNorm.Saved savedMlpNorm = mlpNorm.forward(pass, middle, normedMiddle);
        pass.backend().copy(middle, output);
        GatedMlp.Saved savedMlp = mlp.forward(pass, normedMiddle, output);
        return new Saved(savedAttentionNorm, savedAttention, savedMlpNorm, savedMlp);
    }

    /// Turns the gradient of the output into the gradient of the input.
    ///
    /// @param dOutput n × hidden; used up
    /// @param outputs as in [#forward]
    /// @param dInput t × hidden, overwritten: `dOutput` itself, or zeros where `outputs` leaves rows out
    /// @param inputGradient whether anything below is trained; if not, `dInput` is left meaningless
    void backward(
            Pass pass, Batch batch, Tensor dOutput, Saved saved, int @Nullable [] outputs, Tensor dInput,
            boolean inputGradient) {
        Workspace workspace = pass.workspace();
        Workspace.Mark mark = workspace.mark();
        Tensor dNormedMiddle = workspace.take(dOutput.rows(), dOutput.columns());
        mlp.backward(pass, dOutput, saved.mlp(), dNormedMiddle);
        mlpNorm.backward(pass, dNormedMiddle, saved.mlpNorm(), dOutput);
        boolean normGradient = inputGradient || attentionNorm.weight().gradient() != null;
        Tensor dNormed = normGradient ? workspace.take(dInput.rows(), dInput.columns()) : null;
        attention.backward(pass, batch, dOutput, saved.attention(), outputs, dNormed);
        if (dNormed != null) {
            if (outputs != null) {
                pass.backend().scatterAddRows(dOutput, outputs, dInput);
            }
            attentionNorm.backward(pass, dNormed, saved.attentionNorm(), dInput);
        }
        workspace.release(mark);
    }
}
