package dev.fenlei.lora.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.pretrain.RandomModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainerTest {

    @TempDir
    Path directory;

    private final List<TrainingExample> examples = new ArrayList<>();

    @BeforeEach
    void write() throws IOException {
        RandomModel.write(directory);
        Random random = new Random(4);
        for (int i = 0; i < 11; i++) {
            int[] ids = random.ints(6 + random.nextInt(20), 0, RandomModel.VOCABULARY).toArray();
            examples.add(new TrainingExample(ids, ids.length - 1 - random.nextInt(3)));
        }
    }

    private static TrainingSettings settings(long seed, boolean checkpointing) {
        return new TrainingSettings(
                2, 3, 2, 1e-2, Schedule.LINEAR, 1, 0.01, 0.9, 0.999, 1e-8, 1, seed, true, checkpointing, 0, null);
    }

    /// The adapter after training with dropout.
    private List<float[]> train(int threads, TrainingSettings settings, Trainer.Listener listener) throws IOException {
        try (Backend backend = new CpuBackend(threads);
                Decoder decoder = Decoder.load(directory, backend)) {
            Adapter adapter = Adapter.create(decoder, LoraConfig.of(4, 16, 0.1, List.of("all-linear")), 7);
            new Trainer(decoder, adapter.parameters(), settings).train(examples, listener);
            return adapter.parameters().stream().map(p -> p.value().toArray()).toList();
        }
    }

    private static void assertSameBits(List<float[]> actual, List<float[]> expected) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).as("parameter %d", i).isEqualTo(expected.get(i));
        }
    }

    @Test
    void aSeedReproducesTheAdapterBitForBitOnOneThreadOrTwo() throws IOException {
        List<float[]> first = train(2, settings(42, false), step -> true);
        assertSameBits(train(2, settings(42, false), step -> true), first);
        assertSameBits(train(1, settings(42, false), step -> true), first);
    }

    @Test
    void checkpointingChangesNoBit() throws IOException {
        assertSameBits(train(1, settings(42, true), step -> true), train(1, settings(42, false), step -> true));
    }

    @Test
    void anotherSeedGivesAnotherAdapter() throws IOException {
        List<float[]> first = train(1, settings(42, false), step -> true);
        List<float[]> other = train(1, settings(43, false), step -> true);
        for (int i = 0; i < first.size(); i++) {
            assertThat(other.get(i)).isNotEqualTo(first.get(i));
        }
    }

    @Test
    void theListenerHearsEveryStep() throws IOException {
        List<Trainer.Step> steps = new ArrayList<>();
        train(1, settings(42, false), steps::add);
        // 11 examples in windows of 2 · 3: a whole and a shorter one per epoch.
        assertThat(steps).extracting(Trainer.Step::step).containsExactly(1, 2, 3, 4);
        assertThat(steps).extracting(Trainer.Step::totalSteps).containsOnly(4);
        assertThat(steps).extracting(Trainer.Step::epoch).containsExactly(6.0 / 11, 1.0, 1 + 6.0 / 11, 2.0);
        assertThat(steps).extracting(Trainer.Step::learningRate).containsExactly(0.0, 1e-2, 1e-2 * (2 / 3.0),
                1e-2 * (1 / 3.0));
        long rows = examples.stream().mapToLong(TrainingExample::rows).sum();
        assertThat(steps.get(0).tokens() + steps.get(1).tokens()).isEqualTo(rows);
        assertThat(steps).allMatch(step -> step.loss() > 0 && step.gradientNorm() > 0);
    }

    @Test
    void theListenerStopsTheTraining() throws IOException {
        List<Trainer.Step> steps = new ArrayList<>();
        List<float[]> stopped = train(1, settings(42, false), step -> {
            steps.add(step);
            return step.step() < 2;
        });
        assertThat(steps).hasSize(2);
        assertThat(stopped.getFirst()).isNotEqualTo(train(1, settings(42, false), step -> true).getFirst());
    }

    @Test
    void aLossThatIsNotANumberStopsTheTrainingBeforeTheStep() throws IOException {
        try (Backend backend = new CpuBackend(1);
                Decoder decoder = Decoder.load(directory, backend)) {
            Adapter adapter = Adapter.create(decoder, LoraConfig.of(2, 4, 0, List.of("v_proj")), 1);
            Tensor value = adapter.parameters().getFirst().value();
            value.set(0, 0, Float.NaN);
            float other = value.get(0, 1);
            assertThatThrownBy(() -> new Trainer(decoder, adapter.parameters(), settings(1, false))
                    .train(examples, step -> true))
                    .isInstanceOf(TrainingException.class)
                    .hasMessageContaining("step 1")
                    .hasMessageContaining("NaN");
            assertThat(value.get(0, 1)).isEqualTo(other);
        }
    }

    @Test
    void noExamplesAreRefused() throws IOException {
        examples.clear();
        assertThatThrownBy(() -> train(1, settings(1, false), step -> true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("no example");
    }

    /// With a fixed key the mask is a constant, so the loss is smooth and its slope is the gradient.
    @Test
    void gradientsThroughDropoutAreSlopesOfTheLoss() throws IOException {
        try (Backend backend = new CpuBackend(1);
                Decoder decoder = Decoder.load(directory, backend);
                Workspace workspace = backend.newWorkspace()) {
            Adapter adapter = Adapter.create(decoder, LoraConfig.of(3, 6, 0.4, List.of("all-linear")), 1);
            Random random = new Random(8);
            for (Parameter parameter : adapter.parameters()) {
                float[] values = new float[Math.toIntExact(parameter.value().size())];
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) (0.15 * random.nextGaussian());
                }
                parameter.value().copyFrom(values);
            }
            PackedBatch batch = PackedBatch.of(examples.subList(0, 2));
            loss(decoder, workspace, batch, true);
            for (Parameter parameter : adapter.parameters()) {
                float[] gradient = parameter.gradient().toArray();
                double rms = 0;
                for (float g : gradient) {
                    rms += (double) g * g / gradient.length;
                }
                rms = Math.sqrt(rms);
                for (int i = 0; i < 2; i++) {
                    int element = random.nextInt(gradient.length);
                    double slope = slope(decoder, workspace, batch, parameter.value(), element);
                    assertThat(Math.abs(gradient[element] - slope))
                            .as("%s[%d]: %g, slope %g", parameter.name(), element, gradient[element], slope)
                            .isLessThan(2e-2 * Math.max(rms, Math.abs(slope)));
                }
            }
        }
    }

    /// The central difference of fourth order.
    private static double slope(Decoder decoder, Workspace workspace, PackedBatch batch, Tensor value, int element) {
        int row = element / value.columns();
        int column = element % value.columns();
        float old = value.get(row, column);
        float h = 0.01f; // smaller, and the rounding of the losses shows; larger, and their bend does
        double[] losses = new double[4];
        for (int i = 0; i < 4; i++) {
            value.set(row, column, old + h * (i < 2 ? i - 2 : i - 1));
            losses[i] = loss(decoder, workspace, batch, false);
        }
        value.set(row, column, old);
        return (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * h);
    }

    private static double loss(Decoder decoder, Workspace workspace, PackedBatch batch, boolean backward) {
        workspace.reset();
        Pass pass = new Pass(decoder.backend(), workspace, true, 77);
        Decoder.Activations activations = decoder.forwardForTraining(pass, batch.batch(), false);
        Decoder.Loss loss = decoder.loss(pass, activations, batch.targets(), 1);
        if (backward) {
            decoder.backward(pass, activations, loss.gradient());
        }
        return loss.sum();
    }
}
