package dev.fenlei.engine.compute;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/// What must hold of the arguments of a [Backend]'s operations before a kernel touches memory. Every method throws an
/// [IllegalArgumentException] that names the argument where it does not.
public final class Checks {

    private Checks() {}

    /// @param message a format for the arguments
    public static void that(boolean condition, String message, Object... arguments) {
        if (!condition) {
            throw new IllegalArgumentException(message.formatted(arguments));
        }
    }

    /// Single precision.
    public static void f32(Tensor tensor, String name) {
        that(tensor.dtype() == DType.F32, "%s must be F32: %s", name, tensor);
    }

    /// This shape.
    public static void shape(Tensor tensor, String name, int rows, int columns) {
        if (tensor.rows() != rows || tensor.columns() != columns) {
            throw new IllegalArgumentException(
                    "%s must be %d x %d: %s".formatted(name, rows, columns, tensor));
        }
    }

    /// Single precision and this shape.
    public static void f32(Tensor tensor, String name, int rows, int columns) {
        f32(tensor, name);
        shape(tensor, name, rows, columns);
    }

    /// Single precision and the shape of `model`.
    public static void like(Tensor tensor, String name, Tensor model) {
        f32(tensor, name, model.rows(), model.columns());
    }

    /// As many numbers as rows, each at least 0 and below the limit.
    public static void ids(int[] ids, String name, int count, int limit) {
        that(ids.length == count, "%d %s for %d rows", ids.length, name, count);
        for (int i = 0; i < count; i++) {
            if (ids[i] < 0 || ids[i] >= limit) {
                throw new IllegalArgumentException("%s[%d] is %d, must be in 0 .. %d".formatted(
                        name, i, ids[i], limit - 1));
            }
        }
    }

    /// Rows of whole groups for a weight, and a place for the root of each group.
    private static void groups(Tensor x, Tensor weight, Tensor inverseRms) {
        int n = weight.columns();
        shape(weight, "weight", 1, n);
        that(n > 0 && x.columns() % n == 0, "groups of %d elements do not fill %s", n, x);
        f32(inverseRms, "inverseRms", x.rows(), x.columns() / n);
    }

    /// Queries, keys, values, output and sums that fit a mask.
    private static void heads(
            Tensor q, Tensor k, Tensor v, Tensor out, Tensor logSumExp, AttentionMask mask, int headDim) {
        f32(q, "q", mask.queryCount(), q.columns());
        f32(k, "k", mask.rows(), k.columns());
        like(v, "v", k);
        like(out, "out", q);
        heads(q, "q", headDim);
        heads(k, "k", headDim);
        that(
                k.columns() > 0 && q.columns() % k.columns() == 0,
                "%d query heads cannot share %d key-value heads", q.columns() / headDim, k.columns() / headDim);
        f32(logSumExp, "logSumExp", mask.queryCount(), q.columns() / headDim);
    }

    /// Rows of whole heads.
    private static void heads(Tensor x, String name, int headDim) {
        that(headDim > 0 && x.columns() % headDim == 0, "heads of %d do not fill %s: %s", headDim, name, x);
    }

    /// At least so many rows of a prefix.
    private static void prefix(@Nullable Tensor prefix, String name, int length, int columns) {
        if (prefix == null || prefix.rows() < length) {
            throw new IllegalArgumentException("%s must have %d rows: %s".formatted(name, length, prefix));
        }
        f32(prefix, name, prefix.rows(), columns);
    }

    /// Logits that have so many classes.
    public static void classes(Tensor logits, int classes) {
        f32(logits, "logits");
        that(
                classes > 0 && classes <= logits.columns(),
                "classes must be in 1 .. %d: %d", logits.columns(), classes);
    }

    /// The arguments of [Backend#matmul].
    public static void matmul(Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c) {
        int m = transposeA ? a.columns() : a.rows();
        int k = transposeA ? a.rows() : a.columns();
        int n = transposeB ? b.rows() : b.columns();
        that(
                k == (transposeB ? b.columns() : b.rows()), "inner sizes differ: %s%s times %s%s",
                a, transposeA ? " transposed" : "", b, transposeB ? " transposed" : "");
        f32(c, "c", m, n);
    }

    /// The arguments of [Backend#scaleColumns].
    public static void scaleColumns(Tensor x, Tensor factors, Tensor y) {
        f32(x, "x");
        f32(factors, "factors", 1, x.columns());
        like(y, "y", x);
    }

    /// The arguments of [Backend#columnDots].
    public static void columnDots(Tensor a, Tensor b, Tensor dots) {
        f32(a, "a");
        like(b, "b", a);
        f32(dots, "dots", 1, a.columns());
    }

    /// The arguments of [Backend#rmsNorm].
    public static void rmsNorm(Tensor x, Tensor weight, Tensor y, Tensor inverseRms) {
        f32(x, "x");
        like(y, "y", x);
        groups(x, weight, inverseRms);
    }

    /// The arguments of [Backend#rmsNormBackward].
    public static void rmsNormBackward(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor dx,
            @Nullable Tensor dWeight) {
        f32(dy, "dy");
        like(x, "x", dy);
        like(dx, "dx", dy);
        groups(x, weight, inverseRms);
        if (dWeight != null) {
            f32(dWeight, "dWeight", 1, weight.columns());
        }
    }

    /// The arguments of [Backend#rotary].
    public static void rotary(Tensor x, int[] positions, Tensor cos, Tensor sin, int headDim) {
        f32(x, "x");
        heads(x, "x", headDim);
        that(headDim % 2 == 0, "headDim must be even: %d", headDim);
        f32(cos, "cos", cos.rows(), headDim / 2);
        like(sin, "sin", cos);
        ids(positions, "positions", x.rows(), cos.rows());
    }

    /// The arguments of [Backend#attention].
    public static void attention(Tensor q, Tensor k, Tensor v, @Nullable Tensor prefixKeys,
            @Nullable Tensor prefixValues, AttentionMask mask, int headDim, Tensor out, Tensor logSumExp) {
        heads(q, k, v, out, logSumExp, mask, headDim);
        if (mask.prefixLength() > 0) {
            prefix(prefixKeys, "prefixKeys", mask.prefixLength(), k.columns());
            prefix(prefixValues, "prefixValues", mask.prefixLength(), k.columns());
        }
    }

    /// The arguments of [Backend#attentionBackward].
    public static void attentionBackward(Tensor dOut, Tensor q, Tensor k, Tensor v, Tensor out, Tensor logSumExp,
            AttentionMask mask, int headDim, Tensor dq, Tensor dk, Tensor dv) {
        heads(q, k, v, out, logSumExp, mask, headDim);
        that(mask.prefixLength() == 0, "there is no backward of attention with a prefix");
        that(!mask.hasTree(), "there is no backward of attention with tree rows");
        like(dOut, "dOut", q);
        like(dq, "dq", q);
        like(dk, "dk", k);
        like(dv, "dv", v);
    }

    /// The arguments of [Backend#swiGlu].
    public static void swiGlu(Tensor gate, Tensor up, Tensor out) {
        f32(gate, "gate");
        like(up, "up", gate);
        like(out, "out", gate);
    }

    /// The arguments of [Backend#swiGluBackward].
    public static void swiGluBackward(Tensor dOut, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        f32(dOut, "dOut");
        like(gate, "gate", dOut);
        like(up, "up", dOut);
        like(dGate, "dGate", dOut);
        like(dUp, "dUp", dOut);
    }

    /// The arguments of [Backend#gatherRows].
    public static void gatherRows(Tensor table, int[] ids, Tensor out) {
        f32(out, "out", ids.length, table.columns());
        ids(ids, "ids", out.rows(), table.rows());
    }

    /// The arguments of [Backend#scatterAddRows].
    public static void scatterAddRows(Tensor added, int[] ids, Tensor table) {
        f32(table, "table");
        f32(added, "rows", ids.length, table.columns());
        ids(ids, "ids", added.rows(), table.rows());
    }

    /// The arguments of [Backend#crossEntropy].
    public static void crossEntropy(Tensor logits, int[] targets, int classes, Tensor losses) {
        classes(logits, classes);
        ids(targets, "targets", logits.rows(), classes);
        f32(losses, "losses", 1, logits.rows());
    }

    /// The arguments of [Backend#dropout].
    public static void dropout(Tensor x, float p, Tensor out) {
        f32(x, "x");
        like(out, "out", x);
        that(p >= 0 && p < 1, "p must be at least 0 and below 1: %s", p);
    }

    /// The arguments of [Backend#adamW].
    public static void adamW(Tensor parameter, Tensor gradient, Tensor m, Tensor v, Backend.AdamWStep step) {
        f32(parameter, "parameter");
        like(gradient, "gradient", parameter);
        like(m, "m", parameter);
        like(v, "v", parameter);
        that(step.step() >= 1, "steps are counted from 1: %d", step.step());
    }
}
