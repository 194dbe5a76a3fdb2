package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Grouped-query self-attention with rotary positions.
final class Attention {

    private final ModelConfig config;
    private final Rotary rotary;
    final Linear query;
    final Linear key;
    final Linear value;
    final Linear output;

    Attention(ModelConfig config, Rotary rotary, Linear query, Linear key, Linear value, Linear output) {
        this.config = config;
        this.rotary = rotary;
        this.query = query;
        this.key = key;
        this.value = value;
        this.output = output;
    }

    /// What the backward pass needs. `q` and `k` are rotated, `selected` are the rows of
    /// `attended` that went through the output map; the last four are the adaptations' own.
    record Saved(
            Tensor input,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor attended,
            Tensor selected,
            Tensor logSumExp,
            @Nullable Tensor queryAdaptation,
            @Nullable Tensor keyAdaptation,
            @Nullable Tensor valueAdaptation,
            @Nullable Tensor outputAdaptation) {}

    List<Linear> linears() {
        return List.of(query, key, value, output);
    }

    /// Adds the attention's output of some rows to `residual`.
    ///
    /// @param x t × hidden, normalised
    /// @param cache keys and values of earlier rows, of which the batch's mask says how many are seen; the batch's own are
    ///     appended. Null when there are none.
    /// @param outputs the n rows whose output is needed; null for all
    /// @param residual n × hidden
    Saved forward(
            Pass pass, Batch batch, Tensor x, KeyValueCache.@Nullable Layer cache, int @Nullable [] outputs,
            Tensor residual) {
        Workspace workspace = pass.workspace();
        int rows = x.rows();
        Tensor q = workspace.take(rows, config.querySize());
        Tensor k = workspace.take(rows, config.keyValueSize());
        Tensor v = workspace.take(rows, config.keyValueSize());
        Tensor queryAdaptation = query.forward(pass, x, q, false);
        Tensor keyAdaptation = key.forward(pass, x, k, false);
        Tensor valueAdaptation = value.forward(pass, x, v, false);
        rotary.forward(q, batch.positions());
        rotary.forward(k, batch.positions());
        Tensor attended = workspace.take(rows, config.querySize());
        Tensor logSumExp = workspace.take(rows, config.heads());
        int prefix = batch.mask().prefixLength();
        pass.backend()
                .attention(
                        q,
                        k,
                        v,
                        cache == null || prefix == 0 ? null : cache.keys().rows(0, prefix),
                        cache == null || prefix == 0 ? null : cache.values().rows(0, prefix),
                        batch.mask(),
                        config.headDim(),
                        attended,
                        logSumExp);
        if (cache != null && cache.writable()) {
            pass.backend().copy(k, cache.keys().rows(prefix, prefix + rows));
            pass.backend().copy(v, cache.values().rows(prefix, prefix + rows));
        }
        Tensor selected = outputs == null ? attended : Rows.gathered(pass, attended, outputs);
        Tensor outputAdaptation = output.forward(pass, selected, residual, true);
        return new Saved(
                x, q, k, v, attended, selected, logSumExp, queryAdaptation, keyAdaptation, valueAdaptation,
                outputAdaptation);
    }

    /// Gradient of the input from the gradient of the residual stream behind the attention.
    ///
    /// @param dy n × hidden
    /// @param outputs as in [#forward]
    /// @param dx t × hidden, overwritten; null if not needed
    void backward(
            Pass pass, Batch batch, Tensor dy, Saved saved, int @Nullable [] outputs, @Nullable Tensor dx) {
        Workspace workspace = pass.workspace();
        Backend backend = pass.backend();
        int rows = batch.rows();
        Tensor dAttended = workspace.take(dy.rows(), config.querySize());
        output.backward(pass, dy, saved.selected(), saved.outputAdaptation(), dAttended, false);
        if (outputs != null) {
            dAttended = Rows.scattered(pass, dAttended, outputs, rows);
        }
        Tensor dq = workspace.take(rows, config.querySize());
        Tensor dk = workspace.take(rows, config.keyValueSize());
        Tensor dv = workspace.take(rows, config.keyValueSize());
        backend.attentionBackward(
                dAttended,
                saved.q(),
                saved.k(),
                saved.v(),
                saved.attended(),
                saved.logSumExp(),
                batch.mask(),
                config.headDim(),
                dq,
                dk,
                dv);
        rotary.backward(dq, batch.positions());
        rotary.backward(dk, batch.positions());
        query.backward(pass, dq, saved.input(), saved.queryAdaptation(), dx, false);
        key.backward(pass, dk, saved.input(), saved.keyAdaptation(), dx, true);
        value.backward(pass, dv, saved.input(), saved.valueAdaptation(), dx, true);
    }
}
