package dev.fenlei.lora.train;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/// AdamW (Loshchilov & Hutter 2019) with clipping of the global gradient norm.
final class AdamW {

    private record State(Parameter parameter, Tensor m, Tensor v) {}

    private final Backend backend;
    private final TrainingSettings settings;
    private final List<State> states = new ArrayList<>();
    private int steps;

    AdamW(Backend backend, List<Parameter> parameters, TrainingSettings settings) {
        this.backend = backend;
        this.settings = settings;
        for (Parameter p : parameters) {
            int rows = p.value().rows();
            int columns = p.value().columns();
            states.add(new State(
                    p, backend.allocate(DType.F32, rows, columns), backend.allocate(DType.F32, rows, columns)));
        }
    }

    /// The 2-norm of all gradients together.
    double gradientNorm() {
        double sum = 0;
        for (State state : states) {
            sum += backend.sumOfSquares(state.parameter().gradient());
        }
        return Math.sqrt(sum);
    }

    /// One step with the gradients clipped to the greatest norm allowed; sets them to 0 afterwards.
    ///
    /// @param factor of every parameter's learning rate
    void step(double factor, double gradientNorm) {
        steps++;
        double clip = settings.maxGradNorm() > 0 ? Math.min(1, settings.maxGradNorm() / (gradientNorm + 1e-6)) : 1;
        for (State state : states) {
            Parameter p = state.parameter();
            double decay = p.vector() ? 0 : settings.weightDecay();
            backend.adamW(
                    p.value(),
                    p.gradient(),
                    state.m(),
                    state.v(),
                    new Backend.AdamWStep(
                            settings.rate(p) * factor, settings.beta1(), settings.beta2(), settings.epsilon(), decay,
                            steps),
                    (float) clip);
            backend.fill(p.gradient(), 0);
        }
    }
}
