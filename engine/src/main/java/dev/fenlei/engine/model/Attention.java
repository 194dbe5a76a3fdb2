package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Grouped-query self-attention with rotary positions, in some families over a sliding window and with queries and keys
/// normalised head by head.
final class Attention {

    private final ModelConfig config;
    private final Rotary rotary;
    private final int window;
    private final @Nullable RmsNorm queryNorm;
    private final @Nullable RmsNorm keyNorm;
    final Linear query;
    final Linear key;
    final Linear value;
    final Linear output;

    /// @param window how many positions a row sees, its own included
    Attention(
            ModelConfig config, Rotary rotary, int window, Linear query, Linear key, Linear value, Linear output,
            @Nullable RmsNorm queryNorm, @Nullable RmsNorm keyNorm) {
        this.config = config;
        this.rotary = rotary;
        this.window = window;
        this.queryNorm = queryNorm;
        this.keyNorm = keyNorm;
        this.query = query;
        this.key = key;
        this.value = value;
        this.output = output;
    }

    /// What the backward pass needs. `asking` are the rows of the input that have a query; `q` and `k` are normalised and
    /// rotated; the last four are the adaptations' own.
    record Saved(
            Tensor input,
            Tensor asking,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor attended,
            Tensor logSumExp,
            RmsNorm.@Nullable Saved queryNorm,
            RmsNorm.@Nullable Saved keyNorm,
            @Nullable Tensor queryAdaptation,
            @Nullable Tensor keyAdaptation,
            @Nullable Tensor valueAdaptation,
            @Nullable Tensor outputAdaptation) {}

    List<Linear> linears() {
        return List.of(query, key, value, output);
    }

    List<RmsNorm> norms() {
        return queryNorm == null || keyNorm == null ? List.of() : List.of(queryNorm, keyNorm);
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
        Tensor asking = outputs == null ? x : Rows.gathered(pass, x, outputs);
        Tensor q = workspace.take(asking.rows(), config.querySize());
        Tensor k = workspace.take(rows, config.keyValueSize());
        Tensor v = workspace.take(rows, config.keyValueSize());
        Tensor queryAdaptation = query.forward(pass, asking, q, false);
        Tensor keyAdaptation = key.forward(pass, x, k, false);
        Tensor valueAdaptation = value.forward(pass, x, v, false);
        RmsNorm.Saved savedQueryNorm = null;
        RmsNorm.Saved savedKeyNorm = null;
        if (queryNorm != null && keyNorm != null) {
            Tensor normedQ = workspace.take(q.rows(), config.querySize());
            Tensor normedK = workspace.take(rows, config.keyValueSize());
            savedQueryNorm = queryNorm.forward(pass, q, normedQ);
            savedKeyNorm = keyNorm.forward(pass, k, normedK);
            q = normedQ;
            k = normedK;
        }
        rotary.forward(q, queryPositions(batch, outputs));
        rotary.forward(k, batch.positions());
        Tensor attended = workspace.take(q.rows(), config.querySize());
        Tensor logSumExp = workspace.take(q.rows(), config.heads());
        int prefix = batch.mask().prefixLength();
        pass.backend()
                .attention(
                        q,
                        k,
                        v,
                        cache == null || prefix == 0 ? null : cache.keys().rows(0, prefix),
                        cache == null || prefix == 0 ? null : cache.values().rows(0, prefix),
                        batch.mask().within(window).withQueries(outputs),
                        config.headDim(),
                        attended,
                        logSumExp);
        if (cache != null && cache.writable()) {
            pass.backend().copy(k, cache.keys().rows(prefix, prefix + rows));
            pass.backend().copy(v, cache.values().rows(prefix, prefix + rows));
        }
        Tensor outputAdaptation = output.forward(pass, attended, residual, true);
        return new Saved(
                x, asking, q, k, v, attended, logSumExp, savedQueryNorm, savedKeyNorm, queryAdaptation, keyAdaptation,
                valueAdaptation, outputAdaptation);
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
        output.backward(pass, dy, saved.attended(), saved.outputAdaptation(), dAttended, false);
        Tensor dq = workspace.take(dy.rows(), config.querySize());
        Tensor dk = workspace.take(rows, config.keyValueSize());
        Tensor dv = workspace.take(rows, config.keyValueSize());
        backend.attentionBackward(
                dAttended,
                saved.q(),
                saved.k(),
                saved.v(),
                saved.attended(),
                saved.logSumExp(),
                batch.mask().within(window).withQueries(outputs),
                config.headDim(),
                dq,
                dk,
                dv);
        rotary.backward(dq, queryPositions(batch, outputs));
        rotary.backward(dk, batch.positions());
        if (queryNorm != null && keyNorm != null && saved.queryNorm() != null && saved.keyNorm() != null) {
            dq = queryNorm.backward(pass, dq, saved.queryNorm());
            dk = keyNorm.backward(pass, dk, saved.keyNorm());
        }
        key.backward(pass, dk, saved.input(), saved.keyAdaptation(), dx, false);
        value.backward(pass, dv, saved.input(), saved.valueAdaptation(), dx, true);
        if (outputs == null || dx == null) {
            query.backward(pass, dq, saved.asking(), saved.queryAdaptation(), dx, true);
        } else {
            Tensor dAsking = workspace.take(dq.rows(), dx.columns());
            query.backward(pass, dq, saved.asking(), saved.queryAdaptation(), dAsking, false);
            backend.scatterAddRows(dAsking, outputs, dx);
        }
    }

    private static int[] queryPositions(Batch batch, int @Nullable [] outputs) {
        return outputs == null
                ? batch.positions()
                : Arrays.stream(outputs).map(row -> batch.positions()[row]).toArray();
    }
}
