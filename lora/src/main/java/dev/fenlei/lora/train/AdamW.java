package dev.fenlei.lora.train;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.SafetensorsException;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// AdamW (Loshchilov & Hutter 2019) with clipping of the global gradient norm.
final class AdamW {

    private record State(Parameter parameter, Tensor m, Tensor v) {}

    private static final String FIRST = ".exp_avg";
    private static final String SECOND = ".exp_avg_sq";
    private static final String STEP = "step";

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

    /// The number of steps done.
    int steps() {
        return steps;
    }

    /// Writes the moments, under the names that PyTorch gives them, and the number of steps.
    void save(Path file) throws IOException {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (State state : states) {
            entries.add(SafetensorsWriter.Entry.matrix(state.parameter().name() + FIRST, state.m()));
            entries.add(SafetensorsWriter.Entry.matrix(state.parameter().name() + SECOND, state.v()));
        }
        SafetensorsWriter.write(file, Map.of(STEP, Integer.toString(steps)), entries);
    }

    /// Reads what [#save] wrote.
    ///
    /// @throws TrainingException if it belongs to other parameters; nothing is changed then
    void load(Path file) throws IOException {
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            String step = tensors.metadata().getOrDefault(STEP, "");
            if (!step.matches("\\d{1,9}") || tensors.names().size() != 2 * states.size()) {
                throw new TrainingException(file + ": is no state of this optimizer");
            }
            for (State state : states) {
                for (String moment : List.of(FIRST, SECOND)) {
                    String name = state.parameter().name() + moment;
                    tensors.tensor(name, file, state.m().rows(), state.m().columns());
                }
            }
            for (State state : states) {
                backend.copy(tensors.tensor(state.parameter().name() + FIRST), state.m());
                backend.copy(tensors.tensor(state.parameter().name() + SECOND), state.v());
            }
            steps = Integer.parseInt(step);
        } catch (SafetensorsException e) {
            throw new TrainingException(e.getMessage() + "; it belongs to another adapter");
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
