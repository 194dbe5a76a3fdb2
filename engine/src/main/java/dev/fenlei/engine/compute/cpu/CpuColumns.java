package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Operations with one number for each column.
final class CpuColumns {

    private final WorkerPool pool;

    CpuColumns(WorkerPool pool) {
        this.pool = pool;
    }

    void scale(Tensor x, Tensor factors, float beta, Tensor y) {
        float[] f = factors.toArray();
        MemorySegment from = x.memory();
        MemorySegment to = y.memory();
        pool.parallel(CpuRows.chunks(x.rows()), chunk -> {
            for (int row = chunk * CpuRows.CHUNK; row < Math.min(x.rows(), (chunk + 1) * CpuRows.CHUNK); row++) {
                long fi = Spans.bytes(x, row, 0);
                long ti = Spans.bytes(y, row, 0);
                if (beta == 0) {
                    scaleRow(from, fi, f, to, ti);
                } else {
                    addScaledRow(from, fi, f, beta, to, ti);
                }
            }
        });
    }

    private static void scaleRow(MemorySegment from, long fi, float[] f, MemorySegment to, long ti) {
        int i = 0;
        for (int end = Lanes.floor(f.length); i < end; i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, from, fi + 4L * i, Lanes.ORDER)
                    .mul(FloatVector.fromArray(Lanes.FLOATS, f, i))
                    .intoMemorySegment(to, ti + 4L * i, Lanes.ORDER);
        }
        for (; i < f.length; i++) {
            to.set(Lanes.FLOAT, ti + 4L * i, from.get(Lanes.FLOAT, fi + 4L * i) * f[i]);
        }
    }

    private static void addScaledRow(
            MemorySegment from, long fi, float[] f, float beta, MemorySegment to, long ti) {
        int i = 0;
        for (int end = Lanes.floor(f.length); i < end; i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, from, fi + 4L * i, Lanes.ORDER)
                    .fma(
                            FloatVector.fromArray(Lanes.FLOATS, f, i),
                            FloatVector.fromMemorySegment(Lanes.FLOATS, to, ti + 4L * i, Lanes.ORDER).mul(beta))
                    .intoMemorySegment(to, ti + 4L * i, Lanes.ORDER);
        }
        for (; i < f.length; i++) {
            float old = to.get(Lanes.FLOAT, ti + 4L * i) * beta;
            to.set(Lanes.FLOAT, ti + 4L * i, Math.fma(from.get(Lanes.FLOAT, fi + 4L * i), f[i], old));
        }
    }

    void dots(Tensor a, Tensor b, Tensor dots) {
        int columns = a.columns();
        MemorySegment left = a.memory();
        MemorySegment right = b.memory();
        float[] partials = CpuRows.partials(a.rows(), columns);
        pool.parallel(CpuRows.chunks(a.rows()), chunk -> {
            int start = chunk * columns;
            for (int row = chunk * CpuRows.CHUNK; row < Math.min(a.rows(), (chunk + 1) * CpuRows.CHUNK); row++) {
                addProducts(
                        left, Spans.bytes(a, row, 0), right, Spans.bytes(b, row, 0), partials, start, columns);
            }
        });
        CpuRows.addPartials(partials, a.rows(), dots);
    }

    private static void addProducts(
            MemorySegment left, long li, MemorySegment right, long ri, float[] sums, int start, int length) {
        int i = 0;
        for (int end = Lanes.floor(length); i < end; i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, left, li + 4L * i, Lanes.ORDER)
                    .fma(
                            FloatVector.fromMemorySegment(Lanes.FLOATS, right, ri + 4L * i, Lanes.ORDER),
                            FloatVector.fromArray(Lanes.FLOATS, sums, start + i))
                    .intoArray(sums, start + i);
        }
        for (; i < length; i++) {
            float a = left.get(Lanes.FLOAT, li + 4L * i);
            sums[start + i] = Math.fma(a, right.get(Lanes.FLOAT, ri + 4L * i), sums[start + i]);
        }
    }
}
