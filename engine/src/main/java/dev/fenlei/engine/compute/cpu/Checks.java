package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;

/// What must hold of arguments before a kernel touches memory.
final class Checks {

    private Checks() {}

    static void that(boolean condition, String message, Object... arguments) {
        if (!condition) {
            throw new IllegalArgumentException(message.formatted(arguments));
        }
    }

    static void f32(Tensor tensor, String name) {
        that(tensor.dtype() == DType.F32, "%s must be F32: %s", name, tensor);
    }

    static void shape(Tensor tensor, String name, int rows, int columns) {
        if (tensor.rows() != rows || tensor.columns() != columns) {
            throw new IllegalArgumentException(
                    "%s must be %d x %d: %s".formatted(name, rows, columns, tensor));
        }
    }

    static void f32(Tensor tensor, String name, int rows, int columns) {
        f32(tensor, name);
        shape(tensor, name, rows, columns);
    }

    static void like(Tensor tensor, String name, Tensor model) {
        f32(tensor, name, model.rows(), model.columns());
    }

    static void ids(int[] ids, String name, int count, int limit) {
        that(ids.length == count, "%d %s for %d rows", ids.length, name, count);
        for (int i = 0; i < count; i++) {
            if (ids[i] < 0 || ids[i] >= limit) {
                throw new IllegalArgumentException("%s[%d] is %d, must be in 0 .. %d".formatted(
                        name, i, ids[i], limit - 1));
            }
        }
    }
}
