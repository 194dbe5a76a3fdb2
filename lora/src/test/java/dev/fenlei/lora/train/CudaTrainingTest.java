package dev.fenlei.lora.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.engine.testing.CudaEmulator;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.Bias;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.adapter.TargetModules;
import dev.fenlei.lora.classify.LabelScorer;
import dev.fenlei.lora.pretrain.RandomModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Training of adapters and scoring of labels on the emulated GPU against the CPU.
class CudaTrainingTest {

    private static final Path TINY = Path.of(System.getProperty("fenlei.root", "..")).resolve("models/tiny");

    @TempDir
    Path directory;

    @BeforeEach
    void reset() throws IOException {
        CudaEmulator.reset();
        RandomModel.write(directory);
    }

    @AfterEach
    void nothingIsHeld() {
        assertThat(CudaEmulator.held()).isZero();
    }

    @FunctionalInterface
    private interface Use<T> {
        T of(Decoder decoder) throws IOException;
    }

    private static <T> T on(Path model, Backend backend, Use<T> use) throws IOException {
        try (backend; Decoder decoder = Decoder.load(model, backend)) {
            return use.of(decoder);
        }
    }

    private static List<TrainingExample> examples(int count, int vocabulary) {
        Random random = new Random(4);
        List<TrainingExample> examples = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int[] ids = random.ints(6 + random.nextInt(12), 0, vocabulary).toArray();
            int labelStart = ids.length - 1 - random.nextInt(3);
            for (int label = labelStart; label < ids.length; label++) {
                ids[label] = 1 + random.nextInt(3); // few, so that there is something to learn
            }
            examples.add(new TrainingExample(ids, labelStart));
        }
        return examples;
    }

    private static LoraConfig plain() {
        return LoraConfig.of(4, 16, 0.1, List.of("all-linear"));
    }

    /// With a head of its own: that of a random model answers nearly the same to everything.
    private static LoraConfig withHead() {
        return new LoraConfig(
                null, 4, 16, 0.1, TargetModules.of(List.of("all-linear")), false, false, Map.of(), Map.of(), Bias.NONE,
                List.of("lm_head"));
    }

    private static LoraConfig everything() {
        return new LoraConfig(
                null, 3, 12, 0.1, TargetModules.of(List.of("q_proj", "v_proj", "down_proj", "embed_tokens")), true,
                true,
                Map.of(), Map.of(), Bias.LORA_ONLY, List.of("norm"));
    }

    private static List<Double> losses(Decoder decoder, LoraConfig config, int epochs) {
        Adapter adapter = Adapter.create(decoder, config, 7);
        List<Double> losses = new ArrayList<>();
        new Trainer(decoder, adapter.parameters(), TrainingSettings.of(epochs, 3, 2, 3e-3, 42))
                .train(examples(12, RandomModel.VOCABULARY), step -> losses.add(step.loss()));
        return losses;
    }

    @ParameterizedTest
    @EnumSource(Precision.class)
    void lossesOfFiftySteps(Precision precision) throws IOException {
        Use<List<Double>> train = decoder -> losses(decoder, withHead(), 25);
        List<Double> expected = on(directory, new CpuBackend(1), train);
        CudaEmulator.set("lazy", 1);
        List<Double> actual = on(directory, CudaEmulator.open(precision), train);
        assertThat(actual).hasSize(50).hasSameSizeAs(expected);
        assertThat(expected.getLast()).isLessThan(0.7 * expected.getFirst());
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).as("step %d", i).isCloseTo(expected.get(i), Percentage.withPercentage(1));
        }
    }

    @Test
    void everyKindOfAdapterTrainsInAnyOrderOfThreads() throws IOException {
        Use<List<Double>> train = decoder -> losses(decoder, everything(), 2);
        List<Double> expected = on(directory, new CpuBackend(1), train);
        CudaEmulator.schedule(CudaEmulator.Schedule.ALL);
        List<Double> actual = on(directory, CudaEmulator.open(Precision.F32), train);
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.size(); i++) {
            assertThat(actual.get(i)).as("step %d", i).isCloseTo(expected.get(i), Percentage.withPercentage(0.01));
        }
    }

    @Test
    void anAdapterTrainedOnTheGpuIsReadOnTheCpu() throws IOException {
        Path saved = Files.createDirectory(directory.resolve("adapter"));
        List<float[]> trained = on(directory, CudaEmulator.open(Precision.F32), decoder -> {
            Adapter adapter = Adapter.create(decoder, everything(), 7);
            new Trainer(decoder, adapter.parameters(), TrainingSettings.of(1, 3, 2, 1e-2, 42))
                    .train(examples(12, RandomModel.VOCABULARY), _ -> true);
            adapter.save(saved);
            return values(adapter);
        });
        Use<List<float[]>> load = decoder -> values(Adapter.load(decoder, saved));
        for (Backend backend : List.of(new CpuBackend(1), CudaEmulator.open(Precision.F32))) {
            List<float[]> loaded = on(directory, backend, load);
            for (int i = 0; i < trained.size(); i++) {
                assertThat(loaded.get(i)).as("parameter %d, %s", i, backend.name()).isEqualTo(trained.get(i));
            }
        }
    }

    private static List<float[]> values(Adapter adapter) {
        return adapter.parameters().stream().map(p -> p.value().toArray()).toList();
    }

    /// On a trained model of a real width, with weights in bfloat16 on disk.
    @Test
    void gradientsInBfloat16() throws IOException {
        Use<List<float[]>> gradients = decoder -> {
            Adapter adapter = Adapter.create(decoder, plain(), 7);
            // B is 0 at first, and then A has no gradient.
            long seed = 1;
            for (Parameter p : adapter.parameters()) {
                Random random = new Random(seed++);
                float[] values = p.value().toArray();
                for (int i = 0; i < values.length; i++) {
                    values[i] += (float) (0.02 * random.nextGaussian());
                }
                p.value().copyFrom(values);
            }
            try (Workspace workspace = decoder.backend().newWorkspace()) {
                Pass pass = new Pass(decoder.backend(), workspace, true, 3);
                PackedBatch batch = PackedBatch.of(examples(3, decoder.config().vocabSize()));
                Decoder.Activations activations = decoder.forwardForTraining(pass, batch.batch(), false);
                Decoder.Loss loss = decoder.loss(pass, activations, batch.targets(), 1f / batch.targets().length);
                decoder.backward(pass, activations, loss.gradient());
            }
            return adapter.parameters().stream().map(p -> p.gradient().toArray()).toList();
        };
        List<float[]> expected = on(TINY, new CpuBackend(1), gradients);
        List<float[]> actual = on(TINY, CudaEmulator.open(Precision.BF16), gradients);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(relativeDistance(actual.get(i), expected.get(i))).as("parameter %d", i).isLessThan(0.04);
        }
        assertThat(relativeDistance(joined(actual), joined(expected))).as("all parameters together").isLessThan(0.02);
    }

    private static float[] joined(List<float[]> parts) {
        float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
        int from = 0;
        for (float[] part : parts) {
            System.arraycopy(part, 0, all, from, part.length);
            from += part.length;
        }
        return all;
    }

    private static double relativeDistance(float[] actual, float[] expected) {
        double difference = 0;
        double size = 0;
        for (int i = 0; i < expected.length; i++) {
            difference += Math.pow((double) actual[i] - expected[i], 2);
            size += Math.pow(expected[i], 2);
        }
        return Math.sqrt(difference / size);
    }

    @ParameterizedTest
    @EnumSource(CudaEmulator.Schedule.class)
    void labels(CudaEmulator.Schedule schedule) throws IOException {
        List<LabelScorer.Query> queries = List.of(
                new LabelScorer.Query(new int[] {7, 8, 9},
                        List.of(new int[] {4}, new int[] {4, 5}, new int[] {6, 1, 2})),
                new LabelScorer.Query(new int[] {30}, List.of(new int[] {4, 9}, new int[] {300, 2, 2})));
        Use<List<double[]>> score = decoder -> {
            try (LabelScorer scorer = new LabelScorer(decoder, new int[] {11, 12, 13, 14}, 2)) {
                return scorer.score(queries);
            }
        };
        List<double[]> expected = on(directory, new CpuBackend(1), score);
        CudaEmulator.schedule(schedule);
        List<double[]> actual = on(directory, CudaEmulator.open(Precision.F32), score);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i)).containsExactly(expected.get(i), within(1e-4));
        }
    }
}
