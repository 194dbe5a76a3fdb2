package dev.fenlei.engine.model;

import dev.fenlei.engine.tensor.Tensor;

/// Some rows of a matrix.
final class Rows {

    private Rows() {}

    /// `x[rows]`, n × columns.
    static Tensor gathered(Pass pass, Tensor x, int[] rows) {
        Tensor result = pass.workspace().take(rows.length, x.columns());
        pass.backend().gatherRows(x, rows, result);
        return result;
    }
}
