package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Rotary position embedding, half-split layout.
final class CpuRotary {

    private final WorkerPool pool;

    CpuRotary(WorkerPool pool) {
        this.pool = pool;
    }

    void apply(Tensor x, int[] positions, Tensor cos, Tensor sin, int headDim, boolean inverse) {
        int half = headDim / 2;
        float sign = inverse ? -1 : 1;
        pool.parallel(CpuRows.chunks(x.rows()), chunk -> {
            for (int row = chunk * CpuRows.CHUNK; row < Math.min(x.rows(), (chunk + 1) * CpuRows.CHUNK); row++) {
                long ci = Spans.bytes(cos, positions[row], 0);
                long si = Spans.bytes(sin, positions[row], 0);
                for (int column = 0; column < x.columns(); column += headDim) {
                    rotate(x.memory(), Spans.bytes(x, row, column), cos.memory(), ci, sin.memory(), si, half, sign);
                }
            }
        });
    }

    private static void rotate(
            MemorySegment x, long xi, MemorySegment cos, long ci, MemorySegment sin, long si, int half, float sign) {
        long xj = xi + 4L * half;
        int i = 0;
        for (; i < Lanes.floor(half); i += Lanes.COUNT) {
            FloatVector c = FloatVector.fromMemorySegment(Lanes.FLOATS, cos, ci + 4L * i, Lanes.ORDER);
            FloatVector s = FloatVector.fromMemorySegment(Lanes.FLOATS, sin, si + 4L * i, Lanes.ORDER).mul(sign);
            FloatVector a = FloatVector.fromMemorySegment(Lanes.FLOATS, x, xi + 4L * i, Lanes.ORDER);
            FloatVector b = FloatVector.fromMemorySegment(Lanes.FLOATS, x, xj + 4L * i, Lanes.ORDER);
            a.mul(c).sub(b.mul(s)).intoMemorySegment(x, xi + 4L * i, Lanes.ORDER);
            b.mul(c).add(a.mul(s)).intoMemorySegment(x, xj + 4L * i, Lanes.ORDER);
        }
        for (; i < half; i++) {
            float c = cos.get(Lanes.FLOAT, ci + 4L * i);
            float s = sin.get(Lanes.FLOAT, si + 4L * i) * sign;
            float a = x.get(Lanes.FLOAT, xi + 4L * i);
            float b = x.get(Lanes.FLOAT, xj + 4L * i);
            x.set(Lanes.FLOAT, xi + 4L * i, a * c - b * s);
            x.set(Lanes.FLOAT, xj + 4L * i, b * c + a * s);
        }
    }
}
