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
    public static void groups(Tensor x, Tensor weight, Tensor inverseRms) {
        int n = weight.columns();
        shape(weight, "weight", 1, n);
        that(n > 0 && x.columns() % n == 0, "groups of %d elements do not fill %s", n, x);
        f32(inverseRms, "inverseRms", x.rows(), x.columns() / n);
    }

    /// Queries, keys, values, output and sums that fit a mask.
    public static void attention(
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
    public static void heads(Tensor x, String name, int headDim) {
        that(headDim > 0 && x.columns() % headDim == 0, "heads of %d do not fill %s: %s", headDim, name, x);
    }

    /// At least so many rows of a prefix.
    public static void prefix(@Nullable Tensor prefix, String name, int length, int columns) {
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
}
