package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.Backend.AdamWStep;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// AdamW. The numbers of a step are worked out in double precision, the elements in single.
final class CpuOptimizer {

    private final WorkerPool pool;

    CpuOptimizer(WorkerPool pool) {
        this.pool = pool;
    }

    void adamW(Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamWStep step, float gradientScale) {
        float decay = (float) (1 - step.learningRate() * step.weightDecay());
        float beta1 = (float) step.beta1();
        float beta2 = (float) step.beta2();
        float rest1 = (float) (1 - step.beta1());
        float rest2 = (float) (1 - step.beta2());
        float rate = (float) (step.learningRate() / (1 - Math.pow(step.beta1(), step.step())));
        float rootCorrection = (float) Math.sqrt(1 - Math.pow(step.beta2(), step.step()));
        float epsilon = (float) step.epsilon();
        MemorySegment ps = parameter.memory();
        MemorySegment gs = gradient.memory();
        MemorySegment ms = m.memory();
        MemorySegment vs = v.memory();
        Spans.of(parameter, gradient, m, v).run(pool, (_, row, column, length) -> {
            long pb = Spans.bytes(parameter, row, column);
            long gb = Spans.bytes(gradient, row, column);
            long mb = Spans.bytes(m, row, column);
            long vb = Spans.bytes(v, row, column);
            int i = 0;
            for (; i < Lanes.floor(length); i += Lanes.COUNT) {
                FloatVector g = FloatVector.fromMemorySegment(Lanes.FLOATS, gs, gb + 4L * i, Lanes.ORDER)
                        .mul(gradientScale);
                FloatVector mean = FloatVector.fromMemorySegment(Lanes.FLOATS, ms, mb + 4L * i, Lanes.ORDER)
                        .mul(beta1)
                        .add(g.mul(rest1));
                FloatVector square = FloatVector.fromMemorySegment(Lanes.FLOATS, vs, vb + 4L * i, Lanes.ORDER)
                        .mul(beta2)
                        .add(g.mul(g).mul(rest2));
                FloatVector change = mean.div(square.sqrt().div(rootCorrection).add(epsilon)).mul(rate);
                mean.intoMemorySegment(ms, mb + 4L * i, Lanes.ORDER);
                square.intoMemorySegment(vs, vb + 4L * i, Lanes.ORDER);
                FloatVector.fromMemorySegment(Lanes.FLOATS, ps, pb + 4L * i, Lanes.ORDER)
                        .mul(decay)
                        .sub(change)
                        .intoMemorySegment(ps, pb + 4L * i, Lanes.ORDER);
            }
            for (; i < length; i++) {
                float g = gs.get(Lanes.FLOAT, gb + 4L * i) * gradientScale;
                float mean = ms.get(Lanes.FLOAT, mb + 4L * i) * beta1 + g * rest1;
                float square = vs.get(Lanes.FLOAT, vb + 4L * i) * beta2 + g * g * rest2;
                float change = mean / ((float) Math.sqrt(square) / rootCorrection + epsilon) * rate;
                ms.set(Lanes.FLOAT, mb + 4L * i, mean);
                vs.set(Lanes.FLOAT, vb + 4L * i, square);
                ps.set(Lanes.FLOAT, pb + 4L * i, ps.get(Lanes.FLOAT, pb + 4L * i) * decay - change);
            }
        });
    }
}
