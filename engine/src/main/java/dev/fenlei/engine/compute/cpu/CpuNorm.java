package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import org.jspecify.annotations.Nullable;

/// Root-mean-square normalisation over groups of a row, forward and backward.
final class CpuNorm {

    private final WorkerPool pool;

    CpuNorm(WorkerPool pool) {
        this.pool = pool;
    }

    void forward(Tensor x, Tensor weight, float eps, Tensor y, Tensor inverseRms) {
        int n = weight.columns();
        int groups = x.columns() / n;
        float[] w = CpuRows.vector(weight);
        pool.parallel(CpuRows.chunks(x.rows()), chunk -> {
            float[] lanes = Scratch.current().lanes();
            for (int row = chunk * CpuRows.CHUNK; row < Math.min(x.rows(), (chunk + 1) * CpuRows.CHUNK); row++) {
                for (int group = 0; group < groups; group++) {
                    long xi = Spans.bytes(x, row, (long) group * n);
                    float mean = dot(x.memory(), xi, x.memory(), xi, null, n, lanes) / n;
                    float inverse = (float) (1 / Math.sqrt((double) mean + eps));
                    inverseRms.set(row, group, inverse);
                    normalise(x.memory(), xi, w, inverse, y.memory(), Spans.bytes(y, row, (long) group * n), n);
                }
            }
        });
    }

    /// With `i = inverseRms` and the sum over the group: `dx += i·(w·dy − x·i²/n·Σ w·dy·x)`, `dw += dy·x·i`.
    void backward(Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor dx, @Nullable Tensor dWeight) {
        int n = weight.columns();
        int groups = x.columns() / n;
        float[] w = CpuRows.vector(weight);
        float[] partials = dWeight == null ? null : CpuRows.partials(x.rows(), n);
        pool.parallel(CpuRows.chunks(x.rows()), chunk -> {
            float[] lanes = Scratch.current().lanes();
            for (int row = chunk * CpuRows.CHUNK; row < Math.min(x.rows(), (chunk + 1) * CpuRows.CHUNK); row++) {
                for (int group = 0; group < groups; group++) {
                    long column = (long) group * n;
                    long xi = Spans.bytes(x, row, column);
                    long dyi = Spans.bytes(dy, row, column);
                    float inverse = inverseRms.get(row, group);
                    float inner = dot(dy.memory(), dyi, x.memory(), xi, w, n, lanes);
                    float alongX = -inner * inverse * inverse * inverse / n;
                    long dxi = Spans.bytes(dx, row, column);
                    addGradient(dy.memory(), dyi, x.memory(), xi, w, inverse, alongX, dx.memory(), dxi, n);
                    if (partials != null) {
                        addWeightGradient(dy.memory(), dyi, x.memory(), xi, inverse, partials, chunk * n, n);
                    }
                }
            }
        });
        if (partials != null && dWeight != null) {
            CpuRows.addPartials(partials, x.rows(), dWeight);
        }
    }

    private static void normalise(MemorySegment x, long xi, float[] w, float inverse, MemorySegment y, long yi, int n) {
        int i = 0;
        for (; i < Lanes.floor(n); i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, x, xi + 4L * i, Lanes.ORDER)
                    .mul(inverse)
                    .mul(FloatVector.fromArray(Lanes.FLOATS, w, i))
                    .intoMemorySegment(y, yi + 4L * i, Lanes.ORDER);
        }
        for (; i < n; i++) {
            y.set(Lanes.FLOAT, yi + 4L * i, x.get(Lanes.FLOAT, xi + 4L * i) * inverse * w[i]);
        }
    }

    private static void addGradient(
            MemorySegment dy, long dyi, MemorySegment x, long xi, float[] w, float inverse, float alongX,
            MemorySegment dx, long dxi, int n) {
        int i = 0;
        for (; i < Lanes.floor(n); i += Lanes.COUNT) {
            FloatVector direct = FloatVector.fromMemorySegment(Lanes.FLOATS, dy, dyi + 4L * i, Lanes.ORDER)
                    .mul(FloatVector.fromArray(Lanes.FLOATS, w, i))
                    .mul(inverse);
            FloatVector.fromMemorySegment(Lanes.FLOATS, x, xi + 4L * i, Lanes.ORDER)
                    .fma(FloatVector.broadcast(Lanes.FLOATS, alongX), direct)
                    .add(FloatVector.fromMemorySegment(Lanes.FLOATS, dx, dxi + 4L * i, Lanes.ORDER))
                    .intoMemorySegment(dx, dxi + 4L * i, Lanes.ORDER);
        }
        for (; i < n; i++) {
            float direct = dy.get(Lanes.FLOAT, dyi + 4L * i) * w[i] * inverse;
            float gradient = Math.fma(x.get(Lanes.FLOAT, xi + 4L * i), alongX, direct);
            dx.set(Lanes.FLOAT, dxi + 4L * i, gradient + dx.get(Lanes.FLOAT, dxi + 4L * i));
        }
    }

    private static void addWeightGradient(
            MemorySegment dy, long dyi, MemorySegment x, long xi, float inverse, float[] sums, int start, int n) {
        for (int i = 0; i < n; i++) {
            sums[start + i] += dy.get(Lanes.FLOAT, dyi + 4L * i) * x.get(Lanes.FLOAT, xi + 4L * i) * inverse;
        }
    }

    /// `Σ a·b·w`, or `Σ a·b` without `w`.
    private static float dot(
            MemorySegment a, long ai, MemorySegment b, long bi, float @Nullable [] w, int n, float[] lanes) {
        FloatVector sum = FloatVector.zero(Lanes.FLOATS);
        int i = 0;
        for (; i < Lanes.floor(n); i += Lanes.COUNT) {
            FloatVector left = FloatVector.fromMemorySegment(Lanes.FLOATS, a, ai + 4L * i, Lanes.ORDER);
            FloatVector right = FloatVector.fromMemorySegment(Lanes.FLOATS, b, bi + 4L * i, Lanes.ORDER);
            sum = (w == null ? left : left.mul(FloatVector.fromArray(Lanes.FLOATS, w, i))).fma(right, sum);
        }
        float total = Lanes.sum(sum, lanes);
        for (; i < n; i++) {
            float left = a.get(Lanes.FLOAT, ai + 4L * i);
            total = Math.fma(w == null ? left : left * w[i], b.get(Lanes.FLOAT, bi + 4L * i), total);
        }
        return total;
    }
}
