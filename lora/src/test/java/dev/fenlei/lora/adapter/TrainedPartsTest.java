package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/// Adapters that train more than low-rank updates of the linear maps: how they are named on disk, that they come back, that
/// their gradients are right, and that a merged model answers as they do.
class TrainedPartsTest extends AdapterFixture {

    private static final String PREFIX = "base_model.model.";
    private static final String LAYER = PREFIX + "model.layers.1.";

    private static LoraConfig plain(String... targets) {
        return LoraConfig.of(3, 6, 0, List.of(targets));
    }

    static List<LoraConfig> configs() {
        return List.of(
                plain("q_proj").training(Bias.LORA_ONLY, List.of()),
                plain("q_proj", "o_proj").training(Bias.ALL, List.of()),
                plain("q_proj").training(Bias.NONE, List.of("lm_head")),
                plain("q_proj").training(Bias.NONE, List.of("embed_tokens")),
                plain("q_proj").training(Bias.NONE, List.of("embed_tokens", "lm_head", "norm")),
                plain("all-linear").training(Bias.ALL, List.of("layers.1.mlp", "k_proj")),
                plain("q_proj", "lm_head"),
                plain("v_proj").withDora(),
                plain("all-linear").withDora().training(Bias.ALL, List.of("model.norm")),
                plain("down_proj", "embed_tokens", "lm_head").withDora());
    }

    @ParameterizedTest
    @MethodSource("configs")
    void whatIsTrainedComesBackAndMerges(LoraConfig config) throws IOException {
        float[] bare = logits();
        Adapter.create(decoder, config, 1);
        assertClose(logits(), bare, 1e-6);
        Adapter adapter = trained(config);
        float[] expected = logits();
        assertThat(expected).isNotEqualTo(bare);
        Path saved = directory.resolve("adapter");
        adapter.save(saved);
        decoder.restore();
        assertThat(logits()).isEqualTo(bare);
        Adapter loaded = Adapter.load(decoder, saved);
        assertThat(loaded.config()).isEqualTo(config);
        assertThat(logits()).isEqualTo(expected);

        Merger.Report report = Merger.merge(decoder, loaded, model, directory.resolve("merged"), null);
        assertThat(report.maxAbsoluteError()).isZero();
        try (Decoder whole = Decoder.load(directory.resolve("merged"), backend)) {
            assertClose(logits(whole), expected, 2e-4);
        }
    }

    /// A and B under DoRA have the gradients of PEFT, which holds the norm; see [DoraLinearTest].
    @ParameterizedTest
    @MethodSource("configs")
    void gradientsAreThoseOfTheLoss(LoraConfig config) {
        Adapter adapter = trained(config);
        for (Parameter parameter : adapter.parameters()) {
            boolean held = config.dora() && (parameter.name().contains(".lora_A.")
                    || parameter.name().contains(".lora_B.") || parameter.name().contains(".lora_embedding_"));
            // The softmax of attention cancels the bias of a key but for the rotation.
            if (!held && !parameter.name().contains("k_proj")) {
                checkSlope(parameter);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            lora_only | q_proj.base_layer.bias | k_proj.bias
            all       | k_proj.bias            | q_proj.bias
            """)
    void biasesAreNamedAsInPeft(String bias, String present, String absent) throws IOException {
        Bias value = Bias.valueOf(bias.toUpperCase(java.util.Locale.ROOT));
        trained(plain("q_proj").training(value, List.of())).save(directory.resolve("adapter"));
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("adapter/adapter_model.safetensors"))) {
            assertThat(file.names())
                    .contains(LAYER + "self_attn." + present)
                    .doesNotContain(LAYER + "self_attn." + absent)
                    .hasSize(bias.equals("all") ? 4 + 6 : 4 + 2);
            assertThat(file.info(LAYER + "self_attn." + present).shape()).hasSize(1);
        }
    }

    /// PEFT trains the biases of `lora_only` and leaves them out of the file; some versions name them without the wrapper.
    @Test
    void biasesOfTheAdaptedModulesMayBeAbsentOrPlainlyNamed() throws IOException {
        Adapter adapter = trained(plain("q_proj").training(Bias.LORA_ONLY, List.of()));
        Path saved = directory.resolve("adapter");
        adapter.save(saved);
        float[] expected = logits();
        rewrite(saved, adapter, name -> name.replace(".base_layer.", "."));
        Adapter.load(decoder, saved);
        assertThat(logits()).isEqualTo(expected);
        rewrite(saved, adapter, name -> name.endsWith(".bias") ? "" : name);
        Adapter.load(decoder, saved);
        assertThat(logits()).isNotEqualTo(expected);
        Path json = saved.resolve("adapter_config.json");
        Files.writeString(json, Files.readString(json).replace("lora_only", "all"));
        assertThatThrownBy(() -> Adapter.load(decoder, saved))
                .isInstanceOf(AdapterException.class)
                .hasMessageContaining("missing " + LAYER + "self_attn.q_proj.base_layer.bias")
                .hasMessageContaining("missing " + LAYER + "self_attn.k_proj.bias");
    }

    private static void rewrite(Path saved, Adapter adapter, java.util.function.UnaryOperator<String> rename)
            throws IOException {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        for (Parameter parameter : adapter.parameters()) {
            String name = rename.apply(parameter.name());
            if (!name.isEmpty()) {
                entries.add(name.endsWith(".bias")
                        ? SafetensorsWriter.Entry.vector(name, parameter.value())
                        : SafetensorsWriter.Entry.matrix(name, parameter.value()));
            }
        }
        SafetensorsWriter.write(saved.resolve("adapter_model.safetensors"), Map.of(), entries);
    }

    @Test
    void modulesToSaveAreNamedAsInPeftAndNotAdapted() throws IOException {
        Adapter adapter = trained(plain("all-linear").training(Bias.NONE, List.of("norm", "layers.1.mlp", "lm_head")));
        adapter.save(directory.resolve("adapter"));
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("adapter/adapter_model.safetensors"))) {
            assertThat(file.names())
                    .contains(
                            LAYER + "mlp.up_proj.weight", LAYER + "input_layernorm.weight",
                            PREFIX + "model.norm.weight",
                            PREFIX + "lm_head.weight", LAYER + "self_attn.q_proj.lora_A.weight")
                    .doesNotContain(LAYER + "mlp.up_proj.lora_A.weight");
            assertThat(file.info(PREFIX + "model.norm.weight").shape()).containsExactly(16);
        }
    }

    @Test
    void aModuleToSaveThatIsNotThereIsNamed() {
        assertThatThrownBy(() -> Adapter.create(decoder, plain("q_proj").training(Bias.NONE, List.of("score")), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("modules_to_save holds score");
    }

    @Test
    void doraIsNamedAsInPeft() throws IOException {
        trained(plain("q_proj", "embed_tokens").withDora()).save(directory.resolve("adapter"));
        try (SafetensorsFile file = SafetensorsFile.open(directory.resolve("adapter/adapter_model.safetensors"))) {
            assertThat(file.info(LAYER + "self_attn.q_proj.lora_magnitude_vector").shape()).containsExactly(16);
            assertThat(file.info(PREFIX + "model.embed_tokens.lora_magnitude_vector").shape()).containsExactly(16);
        }
    }

    @Test
    void aHeadOfItsOwnHasTheTypeOfTheMergedModel() throws IOException {
        Adapter adapter = trained(plain("embed_tokens"));
        Merger.Report report = Merger.merge(decoder, adapter, model, directory.resolve("merged"), DType.BF16);
        assertThat(report.tensors()).isEqualTo(1);
        assertThat(report.maxAbsoluteError()).isPositive();
        assertThat(report.maxRelativeError()).isBetween(1e-5, 1.0 / 256);
        try (Weights merged = Weights.open(directory.resolve("merged"))) {
            assertThat(merged.info("lm_head.weight").dtype()).isEqualTo("BF16");
            Tensor head = merged.tensor("lm_head.weight");
            Tensor table = decoder.weights().tensor("model.embed_tokens.weight");
            assertThat(head.rows()).isEqualTo(table.rows());
            assertThat(head.get(7, 3)).isCloseTo(table.get(7, 3), org.assertj.core.api.Assertions.offset(1e-3f));
        }
        assertThat(Files.readString(directory.resolve("merged/config.json"))).contains("bfloat16");
    }

    @Test
    void onePassAfterTheOtherHasAnotherAdapter() throws IOException {
        float[] bare = logits();
        LoraConfig[] configs = {
            plain("q_proj", "up_proj"), plain("v_proj").training(Bias.ALL, List.of("norm", "lm_head")),
            plain("q_proj", "embed_tokens").withDora()
        };
        List<Adapter> adapters = new ArrayList<>();
        List<float[]> expected = new ArrayList<>();
        for (LoraConfig config : configs) {
            adapters.add(trained(config));
            expected.add(logits());
        }
        for (int i : new int[] {2, 0, 1, 0, 2, 1}) {
            adapters.get(i).select();
            assertThat(logits()).as("adapter %d", i).isEqualTo(expected.get(i));
            if (i == 0) {
                decoder.restore();
                assertThat(logits()).isEqualTo(bare);
            }
        }
        adapters.get(1).save(directory.resolve("other"));
        adapters.get(2).select();
        Files.delete(directory.resolve("other/adapter_model.safetensors"));
        assertThatThrownBy(() -> Adapter.load(decoder, directory.resolve("other"))).isInstanceOf(IOException.class);
        assertThat(logits()).as("a failed load leaves the selection alone").isEqualTo(expected.get(2));
    }
}
