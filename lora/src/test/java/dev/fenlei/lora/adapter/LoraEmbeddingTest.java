package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.SafetensorsWriter.Entry;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.pretrain.RandomModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LoraEmbeddingTest {

    private static final String MODULE = "base_model.model.model.embed_tokens.";
    private static final int RANK = 4;

    /// One token twice, so that its gradients must be added.
    private static final int[] IDS = {5, 9, 300, 9, 7};
    private static final int[] TARGETS = {9, 300, 9, 7, 2};

    private final Backend backend = new CpuBackend(1);
    private final Workspace workspace = backend.newWorkspace();

    @TempDir
    Path directory;

    private Path model;
    private Decoder decoder;

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

    private Adapter fresh(String... targets) {
        return Adapter.create(decoder, LoraConfig.of(RANK, 8, 0, List.of(targets)), 1);
    }

    private Adapter trained(String... targets) {
        Adapter adapter = fresh(targets);
        int index = 0;
        for (Parameter parameter : adapter.parameters()) {
            float[] values = new float[Math.toIntExact(parameter.value().size())];
            Philox.normal(index++, 0.3, values);
            parameter.value().copyFrom(values);
        }
        return adapter;
    }

    private float[] logits(Decoder of) {
        workspace.reset();
        Pass pass = Pass.inference(backend, workspace);
        Tensor hidden = of.forward(pass, Batch.sequence(0, IDS), null);
        return of.logits(pass, hidden, 0, 2, 4).toArray();
    }

    private double loss(boolean backward) {
        workspace.reset();
        Pass pass = new Pass(backend, workspace, true, 0);
        Decoder.Activations activations = decoder.forwardForTraining(pass, Batch.sequence(0, IDS), false);
        Decoder.Loss loss = decoder.loss(pass, activations, TARGETS, 1);
        if (backward) {
            decoder.backward(pass, activations, loss.gradient());
        }
        return loss.sum();
    }

    @Test
    void aFreshOneChangesNothingAndIsTrainedAtTheScaleOfTheEmbedding() {
        float[] before = logits(decoder);
        Adapter adapter = fresh("embed_tokens");
        assertThat(logits(decoder)).isEqualTo(before);
        assertThat(adapter.size()).isEqualTo(RANK * (RandomModel.VOCABULARY + 16));
        double squares = backend.sumOfSquares(adapter.parameters().getLast().value());
        assertThat(Math.sqrt(squares / (RANK * 16))).isCloseTo(0.02, within(0.006));
    }

    @Test
    void allLinearLeavesTheEmbeddingAlone() {
        assertThat(fresh("all-linear").parameters()).noneMatch(p -> p.name().contains("embed"));
    }

    @Test
    void gradientsAreThoseOfTheLoss() {
        Adapter adapter = trained("embed_tokens", "v_proj");
        loss(true);
        for (Parameter parameter : adapter.parameters()) {
            float[] gradient = parameter.gradient().toArray();
            double norm = Math.sqrt(backend.sumOfSquares(parameter.gradient()));
            assertThat(norm).as(parameter.name()).isPositive();
            // The slope along the gradient is its norm, if every element is right.
            Tensor value = parameter.value();
            float[] old = value.toArray();
            double step = 2e-3;
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
            assertThat((losses[0] - losses[1]) / (2 * step)).as(parameter.name()).isCloseTo(norm, within(5e-3 * norm));
        }
    }

    @Test
    void tokensThatDoNotOccurHaveNoGradient() {
        Parameter a = trained("embed_tokens").parameters().getFirst();
        loss(true);
        assertThat(a.gradient().rows(8, 9).toArray()).containsOnly(0);
        assertThat(a.gradient().rows(9, 10).toArray()).doesNotContain(0);
    }

    @Test
    void itIsKeptInTheFormOfPeft() throws IOException {
        Adapter adapter = trained("embed_tokens", "q_proj");
        float[] expected = logits(decoder);
        Path saved = directory.resolve("adapter");
        adapter.save(saved);
        decoder.restore();
        try (SafetensorsFile file = SafetensorsFile.open(saved.resolve("adapter_model.safetensors"))) {
            Tensor a = file.tensor(MODULE + "lora_embedding_A");
            assertThat(a.rows()).isEqualTo(RANK);
            assertThat(a.columns()).isEqualTo(RandomModel.VOCABULARY);
            assertThat(a.get(3, 300)).isEqualTo(value(adapter, "lora_embedding_A").get(300, 3));
            assertThat(file.info(MODULE + "lora_embedding_B").shape()).containsExactly(16, RANK);
        }
        Adapter.load(decoder, saved);
        assertThat(logits(decoder)).isEqualTo(expected);
    }

    private static Tensor value(Adapter adapter, String name) {
        return adapter.parameters().stream().filter(p -> p.name().endsWith(name)).findFirst().orElseThrow().value();
    }

    @Test
    void aCopyOfTheEmbeddingBesideItMustBeTheModelsOwn() throws IOException {
        Adapter adapter = fresh("embed_tokens");
        Path saved = directory.resolve("adapter");
        adapter.save(saved);
        List<Entry> entries = new ArrayList<>();
        entries.add(Entry.matrix(MODULE + "base_layer.weight", decoder.embedding().weight()));
        try (SafetensorsFile file = SafetensorsFile.open(saved.resolve("adapter_model.safetensors"))) {
            for (String name : List.copyOf(file.names())) {
                Tensor copy = workspace.take(file.tensor(name).rows(), file.tensor(name).columns());
                backend.copy(file.tensor(name), copy);
                entries.add(Entry.matrix(name, copy));
            }
        }
        decoder.restore();
        SafetensorsWriter.write(saved.resolve("adapter_model.safetensors"), Map.of(), entries);
        Adapter.load(decoder, saved);

        Tensor other = workspace.take(RandomModel.VOCABULARY, 16);
        backend.copy(decoder.embedding().weight(), other);
        other.set(319, 15, 1);
        entries.set(0, Entry.matrix(MODULE + "base_layer.weight", other));
        SafetensorsWriter.write(saved.resolve("adapter_model.safetensors"), Map.of(), entries);
        assertThatThrownBy(() -> Adapter.load(decoder, saved))
                .isInstanceOf(AdapterException.class)
                .hasMessageContaining("base_layer.weight differs from the model's own");
    }

    @Test
    void aMergedModelHasAHeadOfItsOwn() throws IOException {
        Adapter adapter = trained("embed_tokens", "down_proj");
        float[] expected = logits(decoder);
        Path merged = directory.resolve("merged");
        Merger.Report report = Merger.merge(decoder, adapter, model, merged, null);
        assertThat(report.tensors()).isEqualTo(3);
        try (Decoder whole = Decoder.load(merged, backend)) {
            assertThat(whole.config().tiedEmbeddings()).isFalse();
            float[] actual = logits(whole);
            for (int i = 0; i < expected.length; i++) {
                assertThat(actual[i]).isCloseTo(expected[i], within(1e-4f));
            }
        }
    }
}
