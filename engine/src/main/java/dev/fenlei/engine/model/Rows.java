package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;

/// Some rows of a matrix, and their gradients.
final class Rows {

    private Rows() {}

    /// `x[rows]`, n × columns.
    static Tensor gathered(Pass pass, Tensor x, int[] rows) {
        Tensor result = pass.workspace().take(rows.length, x.columns());
        pass.backend().gatherRows(x, rows, result);
        return result;
    }

    /// The gradient of `x` from that of `x[rows]`: 0 in all other rows.
    ///
    /// @param count the number of rows of `x`
    static Tensor scattered(Pass pass, Tensor gradient, int[] rows, int count) {
        Tensor result = pass.workspace().take(count, gradient.columns());
        pass.backend().fill(result, 0);
        pass.backend().scatterAddRows(gradient, rows, result);
        return result;
    }
}
