package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.pretrain.RandomModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/// A random model with tied embeddings, and what adapters do to its logits and its loss.
abstract class AdapterFixture {

    /// One token twice, so that its gradients must be added.
    static final int[] IDS = {5, 9, 300, 9, 7};
    static final int[] TARGETS = {9, 300, 9, 7, 2};

    /// What the rounding of the loss adds to a slope.
    private static final double NOISE = 1e-4;

    final Backend backend = new CpuBackend(1);
    final Workspace workspace = backend.newWorkspace();

    @TempDir
    Path directory;

    Path model;
    Decoder decoder;

    @BeforeEach
    void open() throws IOException {
        model = RandomModel.write(Files.createDirectory(directory.resolve("model")));
        decoder = Decoder.load(model, backend);
    }

    @AfterEach
    void close() {
        decoder.close();
        workspace.close();
        backend.close();
    }

    /// An adapter whose every part differs from its first value.
    Adapter trained(LoraConfig config) {
        Adapter adapter = Adapter.create(decoder, config, 1);
        long key = 100;
        for (Parameter parameter : adapter.parameters()) {
            float[] noise = new float[Math.toIntExact(parameter.value().size())];
            Philox.normal(key++, 0.1, noise);
            float[] values = parameter.value().toArray();
            for (int i = 0; i < values.length; i++) {
                values[i] += noise[i];
            }
            parameter.value().copyFrom(values);
        }
        return adapter;
    }

    float[] logits() {
        return logits(decoder);
    }

    float[] logits(Decoder of) {
        workspace.reset();
        Pass pass = Pass.inference(backend, workspace);
        Tensor hidden = of.forward(pass, Batch.sequence(0, IDS), null);
        return of.logits(pass, hidden, 0, 2, 4).toArray();
    }

    double loss(boolean backward) {
        workspace.reset();
        Pass pass = new Pass(backend, workspace, true, 0);
        Decoder.Activations activations = decoder.forwardForTraining(pass, Batch.sequence(0, IDS), false);
        Decoder.Loss loss = decoder.loss(pass, activations, TARGETS, 1);
        if (backward) {
            decoder.backward(pass, activations, loss.gradient());
        }
        return loss.sum();
    }

    /// The slope of the loss along a parameter's gradient is the gradient's norm, if every element is right.
    void checkSlope(Parameter parameter) {
        backend.fill(parameter.gradient(), 0);
        loss(true);
        float[] gradient = parameter.gradient().toArray();
        double norm = Math.sqrt(backend.sumOfSquares(parameter.gradient()));
        assertThat(norm).as(parameter.name()).isPositive();
        Tensor value = parameter.value();
        float[] old = value.toArray();
        double step = 1e-2;
        double[] losses = new double[2];
        for (int side = 0; side < 2; side++) {
            float[] moved = old.clone();
            for (int i = 0; i < moved.length; i++) {
                moved[i] += (float) ((side == 0 ? step : -step) * gradient[i] / norm);
            }
            value.copyFrom(moved);
            losses[side] = loss(false);
        }
        value.copyFrom(old);
        assertThat((losses[0] - losses[1]) / (2 * step)).as(parameter.name()).isCloseTo(norm,
                within(5e-3 * norm + NOISE));
    }

    static void assertClose(float[] actual, float[] expected, double tolerance) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.length; i++) {
            assertThat((double) actual[i]).isCloseTo(expected[i], within(tolerance));
        }
    }
}
