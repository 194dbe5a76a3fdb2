package dev.fenlei.engine.compute.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.generate.Generation;
import dev.fenlei.engine.generate.Generator;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.engine.testing.CudaEmulator;
import dev.fenlei.engine.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/// A whole model on the emulated GPU against the same on the CPU: logits, decoding with a cache, gradients and steps of the
/// optimizer.
class CudaModelTest {

    private static final int[] TEXT = {3, 7, 1, 20, 15, 2, 2, 9, 11, 4, 0, 22, 6};

    @TempDir
    Path directory;

    @BeforeEach
    void reset() {
        CudaEmulator.reset();
    }

    @AfterEach
    void nothingIsHeld() {
        assertThat(CudaEmulator.held()).isZero();
    }

    @FunctionalInterface
    private interface Use<T> {
        T of(Decoder decoder) throws IOException;
    }

    private <T> T on(Backend backend, Use<T> use) throws IOException {
        try (backend; Decoder decoder = Decoder.load(directory, backend)) {
            return use.of(decoder);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen2", "qwen3", "llama", "mistral", "qwen2-window", "qwen2-yarn"})
    void logits(String family) throws IOException {
        TinyModel.write(directory, family.equals("qwen2") ? TinyModel.config(true) : TinyModel.family(family));
        float[] expected = on(new CpuBackend(1), CudaModelTest::logits);
        assertNear(on(CudaEmulator.open(Precision.F32), CudaModelTest::logits), expected, 1e-4, family + " in f32");
        assertNear(on(CudaEmulator.open(Precision.BF16), CudaModelTest::logits), expected, 2e-2, family + " in bf16");
    }

    private static float[] logits(Decoder decoder) {
        try (Workspace workspace = decoder.backend().newWorkspace()) {
            Pass pass = Pass.inference(decoder.backend(), workspace);
            Batch batch = Batch.sequence(0, TEXT);
            Tensor hidden = decoder.forward(pass, batch, null);
            return decoder.logits(pass, hidden, IntStream.range(0, TEXT.length).toArray()).toArray();
        }
    }

    @ParameterizedTest
    @EnumSource(CudaEmulator.Schedule.class)
    void decodingWithACache(CudaEmulator.Schedule schedule) throws IOException {
        TinyModel.write(directory, TinyModel.family("qwen3"));
        Use<int[]> generate = decoder -> Generator.generate(
                decoder, new int[] {3, 7, 1, 20, 15},
                Generation.greedy(12, Set.of(), TinyModel.VOCABULARY), _ -> true);
        int[] expected = on(new CpuBackend(1), generate);
        CudaEmulator.schedule(schedule);
        assertThat(on(CudaEmulator.open(Precision.F32), generate)).isEqualTo(expected).hasSize(12);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void trainingOfAllWeights(boolean checkpointing) throws IOException {
        TinyModel.write(directory, TinyModel.config(true));
        Use<List<float[]>> train = decoder -> train(decoder, checkpointing);
        List<float[]> expected = on(new CpuBackend(1), train);
        CudaEmulator.schedule(CudaEmulator.Schedule.ALL);
        List<float[]> actual = on(CudaEmulator.open(Precision.F32), train);
        CudaEmulator.reset();
        CudaEmulator.set("lazy", 1);
        List<float[]> lazily = on(CudaEmulator.open(Precision.F32), train);
        List<float[]> roughly = on(CudaEmulator.open(Precision.BF16), train);
        for (int i = 0; i < expected.size(); i++) {
            assertNear(actual.get(i), expected.get(i), 2e-4, "result " + i);
            assertThat(lazily.get(i)).as("result %d, lazily", i).isEqualTo(actual.get(i));
            // Rows of 12 elements average little of what rounding does; real widths do (see the test of LoRA's gradients).
            assertNear(roughly.get(i), expected.get(i), 4e-2, "result " + i + " in bf16");
        }
    }

    /// Three steps on two texts.
    ///
    /// @return the losses, the first gradients one by one, and the weights after the steps
    private static List<float[]> train(Decoder decoder, boolean checkpointing) {
        List<float[]> results = new ArrayList<>();
        Backend backend = decoder.backend();
        List<Parameter> parameters = decoder.trainAll();
        List<Tensor> moments = new ArrayList<>();
        for (Parameter p : parameters) {
            for (int i = 0; i < 2; i++) {
                moments.add(backend.allocate(DType.F32, p.value().rows(), p.value().columns()));
            }
        }
        int[] positions = IntStream.concat(IntStream.range(0, 8), IntStream.range(0, 5)).toArray();
        Batch batch = new Batch(TEXT, positions, AttentionMask.causal(0, 8, 5)).withOutputs(2, 5, 6, 9, 11);
        float[] losses = new float[3];
        try (Workspace workspace = backend.newWorkspace()) {
            for (int step = 0; step < 3; step++) {
                workspace.reset();
                Pass pass = new Pass(backend, workspace, true, step);
                Decoder.Activations activations = decoder.forwardForTraining(pass, batch, checkpointing);
                Decoder.Loss loss = decoder.loss(pass, activations, new int[] {5, 9, 1, 2, 20}, 0.2f);
                decoder.backward(pass, activations, loss.gradient());
                losses[step] = (float) loss.sum();
                for (int i = 0; i < parameters.size(); i++) {
                    Parameter p = parameters.get(i);
                    if (step == 0) {
                        results.add(p.gradient().toArray());
                    }
                    backend.adamW(
                            p.value(), p.gradient(), moments.get(2 * i), moments.get(2 * i + 1),
                            new Backend.AdamWStep(1e-2, 0.9, 0.999, 1e-3, 0.01, step + 1), 1);
                    backend.fill(p.gradient(), 0);
                }
            }
        }
        results.add(losses);
        parameters.forEach(p -> results.add(p.value().toArray()));
        return results;
    }

    @Test
    void anyThreadMayUseIt() throws IOException {
        TinyModel.write(directory, TinyModel.config(true));
        List<float[]> results = on(CudaEmulator.open(Precision.F32), decoder -> {
            CompletableFuture<float[]> elsewhere = CompletableFuture.supplyAsync(
                    () -> logits(decoder), task -> Thread.ofVirtual().start(task));
            return List.of(elsewhere.join(), logits(decoder));
        });
        assertThat(results.get(0)).isEqualTo(results.get(1));
    }

    /// The distance of all elements together, relative to the size of all.
    private static void assertNear(float[] actual, float[] expected, double tolerance, String what) {
        assertThat(actual).as(what).hasSameSizeAs(expected);
        double difference = 0;
        double size = 0;
        for (int i = 0; i < actual.length; i++) {
            difference += Math.pow((double) actual[i] - expected[i], 2);
            size += Math.pow(expected[i], 2);
        }
        assertThat(Math.sqrt(difference)).as(what).isLessThanOrEqualTo(tolerance * Math.sqrt(size));
    }
}
