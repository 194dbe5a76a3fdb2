package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.Tensor;

/// Cuts element-wise work into spans that do not depend on the number of threads.
///
/// When no tensor has gaps between its rows, the whole is one long row; spans then start at multiples of [#LENGTH].
/// Otherwise a task takes whole rows, in spans of at most [#LENGTH] elements.
record Spans(int rows, long columns, int rowsPerTask, int tasks) {

    /// The most elements in a span: small enough that a few buffers of them fit the first-level cache.
    static final int LENGTH = 4096;

    /// What is done with a span; the element's place in a tensor is `row · stride + column`.
    @FunctionalInterface
    interface Body {
        /// @param task the task it belongs to; the spans of a task come in order, on one thread
        void accept(int task, int row, long column, int length);
    }

    /// Spans over tensors of the same shape.
    static Spans of(Tensor first, Tensor... others) {
        boolean contiguous = first.isContiguous();
        for (Tensor other : others) {
            contiguous &= other.isContiguous();
        }
        if (first.size() == 0) {
            return new Spans(0, 0, 1, 0);
        }
        if (contiguous) {
            return new Spans(1, first.size(), 1, Math.toIntExact((first.size() + LENGTH - 1) / LENGTH));
        }
        int rowsPerTask = Math.max(1, LENGTH / first.columns());
        return new Spans(
                first.rows(), first.columns(), rowsPerTask, (first.rows() + rowsPerTask - 1) / rowsPerTask);
    }

    void run(WorkerPool pool, Body body) {
        if (rows == 1) {
            pool.parallel(tasks, task -> {
                long from = (long) task * LENGTH;
                body.accept(task, 0, from, (int) Math.min(LENGTH, columns - from));
            });
            return;
        }
        pool.parallel(tasks, task -> {
            int end = Math.min(rows, (task + 1) * rowsPerTask);
            for (int row = task * rowsPerTask; row < end; row++) {
                for (long from = 0; from < columns; from += LENGTH) {
                    body.accept(task, row, from, (int) Math.min(LENGTH, columns - from));
                }
            }
        });
    }

    /// The place of an element in bytes.
    static long bytes(Tensor tensor, int row, long column) {
        return ((long) row * tensor.stride() + column) * tensor.dtype().bytes();
    }
}
