package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.Tensor;

/// Matrix products, one element after the other.
final class Gemm {

    private final WorkerPool pool;

    Gemm(WorkerPool pool) {
        this.pool = pool;
    }

    /// See [dev.fenlei.engine.compute.Backend#matmul].
    void matmul(Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c) {
        int depth = transposeA ? a.rows() : a.columns();
        pool.parallel(c.rows(), i -> {
            for (int j = 0; j < c.columns(); j++) {
                float sum = 0;
                for (int k = 0; k < depth; k++) {
                    sum += (transposeA ? a.get(k, i) : a.get(i, k)) * (transposeB ? b.get(j, k) : b.get(k, j));
                }
                c.set(i, j, alpha * sum + (beta == 0 ? 0 : beta * c.get(i, j)));
            }
        });
    }
}
