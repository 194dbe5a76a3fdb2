package dev.fenlei.engine.compute.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.AttentionContract;
import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.BackendContract;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/// The contract for one, two and three threads.
class CpuBackendTest {

    @Nested
    class OneThread extends BackendContract {
        @Override
        protected Backend create() {
            return new CpuBackend(1);
        }
    }

    @Nested
    class TwoThreads extends BackendContract {
        @Override
        protected Backend create() {
            return new CpuBackend(2);
        }
    }

    @Nested
    class ThreeThreads extends BackendContract {
        @Override
        protected Backend create() {
            return new CpuBackend(3);
        }
    }

    @Nested
    class AttentionOnOneThread extends AttentionContract {
        @Override
        protected Backend create() {
            return new CpuBackend(1);
        }
    }

    @Nested
    class AttentionOnThreeThreads extends AttentionContract {
        @Override
        protected Backend create() {
            return new CpuBackend(3);
        }
    }

    @Test
    void whatAScopeAllocatedEndsWithItAndWhatWasThereBeforeStays() {
        try (Backend backend = new CpuBackend(1)) {
            Tensor weight = backend.allocate(DType.F32, 1, 1);
            Tensor adapter;
            try (Backend.Scope _ = backend.newScope()) {
                adapter = backend.allocate(DType.F32, 1, 1);
                try (Backend.Scope _ = backend.newScope()) {
                    backend.allocate(DType.F32, 1, 1);
                }
                backend.fill(adapter, 1);
            }
            backend.fill(weight, 2);
            assertThat(weight.toArray()).containsExactly(2f);
            assertThat(backend.allocate(DType.F32, 1, 1).toArray()).containsExactly(0f);
            assertThatThrownBy(() -> backend.fill(adapter, 1)).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void threadsDoNotChangeABit() {
        List<float[]> one = everything(1);
        for (int threads = 2; threads <= 3; threads++) {
            List<float[]> several = everything(threads);
            for (int i = 0; i < one.size(); i++) {
                assertThat(several.get(i)).as("result %d with %d threads", i, threads).isEqualTo(one.get(i));
            }
        }
    }

    /// The results of all operations that run in parallel, on the same numbers.
    private static List<float[]> everything(int threads) {
        int rows = 333;
        int d = 20;
        Random random = new Random(1);
        List<Tensor> results = new ArrayList<>();
        try (CpuBackend backend = new CpuBackend(threads)) {
            Tensor x = normal(backend, random, rows, 6 * d);
            Tensor dy = normal(backend, random, rows, 6 * d);
            Tensor k = normal(backend, random, rows, 2 * d);
            Tensor v = normal(backend, random, rows, 2 * d);
            Tensor weight = normal(backend, random, 1, 6 * d);
            Tensor[] grown = new Tensor[9];
            for (int i = 0; i < grown.length; i++) {
                grown[i] = backend.allocate(DType.F32, rows, 6 * d);
            }
            Tensor inverse = backend.allocate(DType.F32, rows, 1);
            Tensor dWeight = backend.allocate(DType.F32, 1, 6 * d);
            backend.rmsNorm(x, weight, 1e-6f, grown[0], inverse);
            backend.rmsNormBackward(dy, x, weight, inverse, grown[1], dWeight);
            backend.biasBackward(dy, dWeight);

            AttentionMask mask = AttentionMask.causal(0, 100, 33, 200);
            Tensor sums = backend.allocate(DType.F32, rows, 6);
            Tensor dk = backend.allocate(DType.F32, rows, 2 * d);
            Tensor dv = backend.allocate(DType.F32, rows, 2 * d);
            backend.attention(x, k, v, null, null, mask, d, grown[2], sums);
            backend.attentionBackward(dy, x, k, v, grown[2], sums, mask, d, grown[3], dk, dv);
            backend.swiGlu(x, dy, grown[4]);
            backend.swiGluBackward(grown[4], x, dy, grown[5], grown[6]);
            backend.dropout(x, 0.1f, 9, false, grown[7]);
            backend.scatterAddRows(x, random.ints(rows, 0, 50).toArray(), grown[8]);
            Tensor losses = backend.allocate(DType.F32, 1, rows);
            backend.crossEntropy(dy, random.ints(rows, 0, 90).toArray(), 100, 0.5f, losses);
            Tensor norm = backend.allocate(DType.F32, 1, 1);
            norm.set(0, 0, (float) backend.sumOfSquares(x));
            results.addAll(List.of(grown));
            results.addAll(List.of(dWeight, sums, dk, dv, dy, losses, norm));
            return results.stream().map(Tensor::toArray).toList();
        }
    }

    private static Tensor normal(Backend backend, Random random, int rows, int columns) {
        Tensor tensor = backend.allocate(DType.F32, rows, columns);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                tensor.set(r, c, (float) random.nextGaussian());
            }
        }
        return tensor;
    }
}
