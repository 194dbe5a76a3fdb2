package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Operations in which every element stands alone, and the sum of squares.
final class CpuElementwise {

    private final WorkerPool pool;

    CpuElementwise(WorkerPool pool) {
        this.pool = pool;
    }

    void swiGlu(Tensor gate, Tensor up, Tensor out) {
        MemorySegment g = gate.memory();
        MemorySegment u = up.memory();
        MemorySegment o = out.memory();
        Spans.of(gate, up, out).run(pool, (_, row, column, length) -> {
            long gi = Spans.bytes(gate, row, column);
            long ui = Spans.bytes(up, row, column);
            long oi = Spans.bytes(out, row, column);
            float[] e = expOfNegative(g, gi, length);
            int i = 0;
            for (; i < Lanes.floor(length); i += Lanes.COUNT) {
                FloatVector denominator = FloatVector.fromArray(Lanes.FLOATS, e, i).add(1);
                FloatVector.fromMemorySegment(Lanes.FLOATS, g, gi + 4L * i, Lanes.ORDER)
                        .div(denominator)
                        .mul(FloatVector.fromMemorySegment(Lanes.FLOATS, u, ui + 4L * i, Lanes.ORDER))
                        .intoMemorySegment(o, oi + 4L * i, Lanes.ORDER);
            }
            for (; i < length; i++) {
                float silu = g.get(Lanes.FLOAT, gi + 4L * i) / (1 + e[i]);
                o.set(Lanes.FLOAT, oi + 4L * i, silu * u.get(Lanes.FLOAT, ui + 4L * i));
            }
        });
    }

    /// With `s = sigmoid(gate)`: `dUp = dOut·gate·s`, `dGate = dOut·up·s·(1 + gate·(1 − s))`.
    void swiGluBackward(Tensor dOut, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        MemorySegment d = dOut.memory();
        MemorySegment g = gate.memory();
        MemorySegment u = up.memory();
        MemorySegment dg = dGate.memory();
        MemorySegment du = dUp.memory();
        Spans.of(dOut, gate, up, dGate, dUp).run(pool, (_, row, column, length) -> {
            long di = Spans.bytes(dOut, row, column);
            long gi = Spans.bytes(gate, row, column);
            long ui = Spans.bytes(up, row, column);
            long dgi = Spans.bytes(dGate, row, column);
            long dui = Spans.bytes(dUp, row, column);
            float[] e = expOfNegative(g, gi, length);
            int i = 0;
            for (; i < Lanes.floor(length); i += Lanes.COUNT) {
                FloatVector sigmoid = FloatVector.broadcast(Lanes.FLOATS, 1)
                        .div(FloatVector.fromArray(Lanes.FLOATS, e, i).add(1));
                // 1 − s = e·s without the cancellation
                FloatVector complement = FloatVector.fromArray(Lanes.FLOATS, e, i).mul(sigmoid);
                FloatVector x = FloatVector.fromMemorySegment(Lanes.FLOATS, g, gi + 4L * i, Lanes.ORDER);
                FloatVector ds = FloatVector.fromMemorySegment(Lanes.FLOATS, d, di + 4L * i, Lanes.ORDER).mul(sigmoid);
                FloatVector upward = FloatVector.fromMemorySegment(Lanes.FLOATS, u, ui + 4L * i, Lanes.ORDER);
                ds.mul(upward).mul(x.mul(complement).add(1)).intoMemorySegment(dg, dgi + 4L * i, Lanes.ORDER);
                ds.mul(x).intoMemorySegment(du, dui + 4L * i, Lanes.ORDER);
            }
            for (; i < length; i++) {
                float sigmoid = 1 / (1 + e[i]);
                float x = g.get(Lanes.FLOAT, gi + 4L * i);
                float ds = d.get(Lanes.FLOAT, di + 4L * i) * sigmoid;
                float upward = u.get(Lanes.FLOAT, ui + 4L * i);
                dg.set(Lanes.FLOAT, dgi + 4L * i, ds * upward * (1 + x * (e[i] * sigmoid)));
                du.set(Lanes.FLOAT, dui + 4L * i, ds * x);
            }
        });
    }

    void add(Tensor x, float alpha, Tensor y) {
        MemorySegment from = x.memory();
        MemorySegment to = y.memory();
        Spans.of(x, y).run(pool, (_, row, column, length) -> {
            long fi = Spans.bytes(x, row, column);
            long ti = Spans.bytes(y, row, column);
            int i = 0;
            for (; i < Lanes.floor(length); i += Lanes.COUNT) {
                FloatVector.fromMemorySegment(Lanes.FLOATS, from, fi + 4L * i, Lanes.ORDER)
                        .fma(
                                FloatVector.broadcast(Lanes.FLOATS, alpha),
                                FloatVector.fromMemorySegment(Lanes.FLOATS, to, ti + 4L * i, Lanes.ORDER))
                        .intoMemorySegment(to, ti + 4L * i, Lanes.ORDER);
            }
            for (; i < length; i++) {
                float sum = Math.fma(alpha, from.get(Lanes.FLOAT, fi + 4L * i), to.get(Lanes.FLOAT, ti + 4L * i));
                to.set(Lanes.FLOAT, ti + 4L * i, sum);
            }
        });
    }

    void scale(Tensor x, float factor) {
        MemorySegment memory = x.memory();
        Spans.of(x).run(pool, (_, row, column, length) -> {
            long base = Spans.bytes(x, row, column);
            Buffers.scale(memory, base, factor, length);
        });
    }

    void fill(Tensor x, float value) {
        MemorySegment memory = x.memory();
        Spans.of(x).run(pool, (_, row, column, length) -> {
            long base = Spans.bytes(x, row, column);
            if (Float.floatToRawIntBits(value) == 0) {
                memory.asSlice(base, 4L * length).fill((byte) 0);
                return;
            }
            for (int i = 0; i < length; i++) {
                memory.set(Lanes.FLOAT, base + 4L * i, value);
            }
        });
    }

    double sumOfSquares(Tensor x) {
        MemorySegment memory = x.memory();
        Spans spans = Spans.of(x);
        double[] partial = new double[spans.tasks()];
        spans.run(pool, (task, row, column, length) -> {
            long base = Spans.bytes(x, row, column);
            double even = 0;
            double odd = 0;
            int i = 0;
            for (; i + 1 < length; i += 2) {
                double a = memory.get(Lanes.FLOAT, base + 4L * i);
                double b = memory.get(Lanes.FLOAT, base + 4L * i + 4);
                even += a * a;
                odd += b * b;
            }
            if (i < length) {
                double a = memory.get(Lanes.FLOAT, base + 4L * i);
                even += a * a;
            }
            partial[task] += even + odd;
        });
        double sum = 0;
        for (double p : partial) {
            sum += p;
        }
        return sum;
    }

    private static float[] expOfNegative(MemorySegment x, long base, int length) {
        Scratch scratch = Scratch.current();
        float[] e = scratch.floats(Scratch.Slot.SPAN, Spans.LENGTH);
        Buffers.load(x, base, -1, e, 0, length);
        Exponential.apply(e, 0, length, 0, scratch.lanes());
        return e;
    }
}
