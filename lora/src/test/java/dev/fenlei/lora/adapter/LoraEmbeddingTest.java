package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.SafetensorsWriter.Entry;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.lora.pretrain.RandomModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LoraEmbeddingTest extends AdapterFixture {

    private static final String MODULE = "base_model.model.model.embed_tokens.";
    private static final int RANK = 4;

    private Adapter fresh(String... targets) {
        return Adapter.create(decoder, LoraConfig.of(RANK, 8, 0, List.of(targets)), 1);
    }

    private Adapter trained(String... targets) {
        return trained(LoraConfig.of(RANK, 8, 0, List.of(targets)));
    }

    @Test
    void aFreshOneChangesNothingAndIsTrainedAtTheScaleOfTheEmbedding() {
        float[] before = logits();
        Adapter adapter = fresh("embed_tokens");
        assertThat(logits()).isEqualTo(before);
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
        adapter.parameters().forEach(this::checkSlope);
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
        float[] expected = logits();
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
        assertThat(logits()).isEqualTo(expected);
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
        float[] expected = logits();
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
