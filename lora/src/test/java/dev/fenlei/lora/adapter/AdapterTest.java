package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.SafetensorsWriter.Entry;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.pretrain.RandomModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AdapterTest {

    private static final String LAYER = "base_model.model.model.layers.0.self_attn.";

    private final Backend backend = new CpuBackend(1);
    private final Workspace workspace = backend.newWorkspace();

    @TempDir
    Path directory;

    private Decoder decoder;

    @BeforeEach
    void open() throws IOException {
        decoder = Decoder.load(RandomModel.write(Files.createDirectory(directory.resolve("model"))), backend);
    }

    @AfterEach
    void close() {
        decoder.close();
        workspace.close();
        backend.close();
    }

    private float[] hidden() {
        workspace.reset();
        return decoder.forward(Pass.inference(backend, workspace), Batch.sequence(0, 5, 9, 300, 7), null).toArray();
    }

    private static LoraConfig config(String... targets) {
        return LoraConfig.of(4, 8, 0.1, List.of(targets));
    }

    private static void randomize(Adapter adapter) {
        float value = 0.1f;
        for (Parameter parameter : adapter.parameters()) {
            float[] values = new float[Math.toIntExact(parameter.value().size())];
            for (int i = 0; i < values.length; i++) {
                value = (value * 1.7f + 0.31f) % 1;
                values[i] = value - 0.5f;
            }
            parameter.value().copyFrom(values);
        }
    }

    @Test
    void aFreshAdapterChangesNothing() {
        float[] before = hidden();
        Adapter adapter = Adapter.create(decoder, config("q_proj", "down_proj"), 1);
        assertThat(hidden()).isEqualTo(before);
        // q: 4·16 + 16·4, down: 4·24 + 16·4, in 2 layers
        assertThat(adapter.size()).isEqualTo(2 * (128 + 160));
        for (float value : adapter.parameters().getFirst().value().toArray()) {
            assertThat(value).as("A is uniform within 1/√16").isBetween(-0.25f, 0.25f).isNotZero();
        }
    }

    @Test
    void seedsGiveTheSameAdapterAgain() {
        List<float[]> first = values(Adapter.create(decoder, config("all-linear"), 1));
        assertThat(values(Adapter.create(decoder, config("all-linear"), 1))).usingRecursiveComparison()
                .isEqualTo(first);
        assertThat(values(Adapter.create(decoder, config("all-linear"), 2)).getFirst()).isNotEqualTo(first.getFirst());
    }

    private static List<float[]> values(Adapter adapter) {
        return adapter.parameters().stream().map(p -> p.value().toArray()).toList();
    }

    @Test
    void anAdapterComesBackFromDiskAndCanBeTakenOff() throws IOException {
        float[] base = hidden();
        Adapter adapter = Adapter.create(decoder, config("all-linear"), 1);
        randomize(adapter);
        float[] adapted = hidden();
        assertThat(adapted).isNotEqualTo(base);
        Path saved = directory.resolve("deep/adapter");
        adapter.save(saved);
        decoder.restore();
        assertThat(hidden()).isEqualTo(base);
        Adapter loaded = Adapter.load(decoder, saved);
        assertThat(hidden()).isEqualTo(adapted);
        assertThat(loaded.config()).isEqualTo(adapter.config());
        decoder.restore();
        adapter.select();
        assertThat(hidden()).isEqualTo(adapted);
        try (SafetensorsFile file = SafetensorsFile.open(saved.resolve("adapter_model.safetensors"))) {
            assertThat(file.metadata()).containsEntry("format", "pt");
            assertThat(file.names()).hasSize(2 * 2 * 7).contains(LAYER + "q_proj.lora_A.weight");
            assertThat(file.info(LAYER + "k_proj.lora_A.weight").shape()).containsExactly(4, 16);
            assertThat(file.info(LAYER + "k_proj.lora_B.weight").shape()).containsExactly(8, 4);
        }
    }

    @Test
    void everyTensorAtFaultIsNamed() throws IOException {
        float[] base = hidden();
        Adapter adapter = Adapter.create(decoder, config("q_proj"), 1);
        Path saved = directory.resolve("adapter");
        adapter.save(saved);
        decoder.restore();
        List<Entry> entries = new ArrayList<>();
        for (Parameter parameter : adapter.parameters()) {
            String name = parameter.name();
            if (name.equals(LAYER + "q_proj.lora_A.weight")) {
                entries.add(Entry.matrix(name, workspace.take(3, 16)));
            } else if (name.equals(LAYER + "q_proj.lora_B.weight")) {
                entries.add(Entry.matrix(LAYER + "q_proj.lora_magnitude_vector", parameter.value()));
                entries.add(Entry.matrix(LAYER + "x_proj.lora_B.weight", parameter.value()));
            } else {
                entries.add(Entry.matrix(name, parameter.value()));
            }
        }
        SafetensorsWriter.write(saved.resolve("adapter_model.safetensors"), Map.of(), entries);
        assertThatThrownBy(() -> Adapter.load(decoder, saved))
                .isInstanceOf(AdapterException.class)
                .hasMessageStartingWith(saved.resolve("adapter_model.safetensors") + ": ")
                .hasMessageContaining("missing " + LAYER + "q_proj.lora_B.weight")
                .hasMessageContaining(LAYER + "q_proj.lora_A.weight has shape [3, 16], expected [4, 16]")
                .hasMessageContaining("unexpected " + LAYER + "q_proj.lora_magnitude_vector")
                .hasMessageContaining("unexpected " + LAYER + "x_proj.lora_B.weight");
        assertThat(hidden()).as("a failed load leaves the model as it was").isEqualTo(base);
    }

    @Test
    void aTensorOfAnUnusableTypeLeavesTheModelAsItWas() throws IOException {
        float[] base = hidden();
        Adapter adapter = Adapter.create(decoder, config("q_proj"), 1);
        randomize(adapter);
        Path saved = directory.resolve("adapter");
        adapter.save(saved);
        decoder.restore();
        Path file = saved.resolve("adapter_model.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        String text = new String(bytes, StandardCharsets.ISO_8859_1);
        int last = text.lastIndexOf("\"F32\"");
        bytes[last + 1] = 'I';
        Files.write(file, bytes);
        assertThatThrownBy(() -> Adapter.load(decoder, saved)).hasMessageContaining("I32");
        assertThat(hidden()).isEqualTo(base);
    }

    @Test
    void adaptersInHalfPrecisionAreWidened() throws IOException {
        Adapter adapter = Adapter.create(decoder, config("q_proj"), 1);
        Path saved = directory.resolve("adapter");
        adapter.save(saved);
        List<Entry> entries = new ArrayList<>();
        for (Parameter parameter : adapter.parameters()) {
            Tensor half = workspace.take(DType.BF16, parameter.value().rows(), parameter.value().columns());
            backend.copy(parameter.value(), half);
            entries.add(Entry.matrix(parameter.name(), half));
        }
        SafetensorsWriter.write(saved.resolve("adapter_model.safetensors"), Map.of(), entries);
        Adapter loaded = Adapter.load(decoder, saved);
        assertThat(loaded.parameters().getFirst().value().dtype()).isEqualTo(DType.F32);
        assertThat(loaded.parameters().getFirst().value().get(0, 0))
                .isEqualTo(entries.getFirst().tensor().get().get(0, 0));
    }

    @Test
    void targetsThatMatchNothingAreRefused() throws IOException {
        assertThatThrownBy(() -> Adapter.create(decoder, config("c_attn"), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("target_modules")
                .hasMessageContaining("q_proj");
        Path saved = directory.resolve("adapter");
        Adapter.create(decoder, config("q_proj"), 1).save(saved);
        Path json = saved.resolve("adapter_config.json");
        Files.writeString(json, Files.readString(json).replace("q_proj", "c_attn"));
        assertThatThrownBy(() -> Adapter.load(decoder, saved))
                .isInstanceOf(AdapterException.class)
                .hasMessageStartingWith(json + ": ");
    }

    @Test
    void absentWeightsAreNamed() throws IOException {
        Path saved = directory.resolve("adapter");
        Adapter.create(decoder, config("q_proj"), 1).save(saved);
        Files.delete(saved.resolve("adapter_model.safetensors"));
        assertThatThrownBy(() -> Adapter.load(decoder, saved))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("adapter_model.safetensors");
    }
}
