package dev.fenlei.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class ModelConfigTest {

    @TempDir
    Path directory;

    private ModelConfig load(String json) throws IOException {
        Files.writeString(directory.resolve("config.json"), json);
        return ModelConfig.load(directory);
    }

    private static ObjectNode valid() {
        return (ObjectNode) JsonMapper.shared().readTree(TinyModel.config(true));
    }

    @Test
    void readsWhatTheHubWrites() throws IOException {
        ModelConfig config = load(valid().toString());
        assertThat(config.modelType()).isEqualTo("qwen2");
        assertThat(config.headDim()).isEqualTo(6);
        assertThat(config.querySize()).isEqualTo(12);
        assertThat(config.keyValueSize()).isEqualTo(6);
        assertThat(config.ropeTheta()).isEqualTo(100);
        assertThat(config.tiedEmbeddings()).isTrue();
        assertThat(config.eosTokenIds()).containsExactly(2);
    }

    @Test
    void countsItsParameters() throws IOException {
        TinyModel.write(directory, false);
        try (Weights weights = Weights.open(directory)) {
            long onDisk = 0;
            for (String name : weights.names()) {
                onDisk += weights.info(name).size();
            }
            assertThat(ModelConfig.load(directory).parameters()).isEqualTo(onDisk);
        }
    }

    @Test
    void readsTheRotarySettingsOfBothSpellings() throws IOException {
        ObjectNode json = valid();
        json.remove("rope_theta");
        json.putObject("rope_parameters").put("rope_type", "default").put("rope_theta", 1e6);
        assertThat(load(json.toString()).ropeTheta()).isEqualTo(1e6);
    }

    @Test
    void theGenerationConfigsEndTokensCount() throws IOException {
        Files.writeString(directory.resolve("generation_config.json"), "{\"eos_token_id\": [7, 2]}");
        assertThat(load(valid().toString()).eosTokenIds()).containsExactly(7, 2);
    }

    @Test
    void emptyQuantizationAndRopeScalingAreAccepted() throws IOException {
        ObjectNode json = valid();
        json.putNull("quantization_config").putNull("rope_scaling");
        json.put("sliding_window", 512).put("use_sliding_window", false);
        assertThat(load(json.toString()).layers()).isEqualTo(2);
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "llama", "mistral", "qwen2-window", "qwen2-yarn"})
    void countsTheParametersOfEveryFamily(String family) throws IOException {
        TinyModel.write(directory, TinyModel.family(family));
        try (Weights weights = Weights.open(directory)) {
            long onDisk = 0;
            for (String name : weights.names()) {
                onDisk += weights.info(name).size();
            }
            assertThat(ModelConfig.load(directory).parameters()).isEqualTo(onDisk);
        }
    }

    @Test
    void theFamilySaysWhatTheFieldsDoNot() throws IOException {
        ModelConfig qwen2 = load(valid().toString());
        assertThat(qwen2.queryKeyValueBias()).isTrue();
        assertThat(qwen2.outputBias()).isFalse();
        assertThat(qwen2.queryKeyNorm()).isFalse();
        ModelConfig qwen3 = load(valid().put("model_type", "qwen3").toString());
        assertThat(qwen3.queryKeyValueBias()).isFalse();
        assertThat(qwen3.queryKeyNorm()).isTrue();
        assertThat(qwen3.headDim()).isEqualTo(128);
        ModelConfig llama = load(valid().put("model_type", "llama").put("attention_bias", true).toString());
        assertThat(llama.queryKeyValueBias()).isTrue();
        assertThat(llama.outputBias()).isTrue();
        ModelConfig mistral = load(valid().put("model_type", "mistral").put("attention_bias", true).toString());
        assertThat(mistral.queryKeyValueBias()).isFalse();
        assertThat(mistral.windows()).containsExactly(4096, 4096);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', nullValues = "all", textBlock = """
            mistral | {"sliding_window": 8}                                                       | 8   | 8
            mistral | {"sliding_window": null}                                                    | all | all
            llama   | {"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 0}   | all | all
            qwen2   | {"sliding_window": 8, "use_sliding_window": false, "max_window_layers": 0}  | all | all
            qwen2   | {"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 1}   | all | 8
            qwen3   | {"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 0}   | 8   | 8
            qwen2   | {"sliding_window": 8, "use_sliding_window": true}                           | all | all
            qwen2   | {"sliding_window": null, "use_sliding_window": true, "max_window_layers": 0}| all | all
            qwen2   | {"use_sliding_window": true, "max_window_layers": 0}                        | 4096| 4096
            qwen3   | {"sliding_window": 8, "use_sliding_window": true, "max_window_layers": 0,\
             "layer_types": ["sliding_attention", "full_attention"]}                              | 8   | all
            """)
    void windowsAreThoseOfTransformers(
            String modelType, String change, @Nullable Integer first, @Nullable Integer second) throws IOException {
        ObjectNode json = valid().put("model_type", modelType);
        json.setAll((ObjectNode) JsonMapper.shared().readTree(change));
        assertThat(load(json.toString()).windows())
                .containsExactly(
                        first == null ? AttentionMask.UNLIMITED : first,
                        second == null ? AttentionMask.UNLIMITED : second);
    }

    @Test
    void aFieldOfTheRotarySettingsIsNamedWithItsPath() {
        assertThatThrownBy(() -> load(valid().set("rope_scaling", JsonMapper.shared()
                .readTree("{\"rope_type\": \"llama3\", \"factor\": 8.0}")).toString()))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining("field 'rope_scaling.low_freq_factor' is missing");
        assertThatThrownBy(() -> load(valid().set("rope_parameters", JsonMapper.shared()
                .readTree("{\"rope_type\": \"longrope\"}")).toString()))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining("field 'rope_parameters.rope_type' is \"longrope\"")
                .hasMessageContaining("default, dynamic, linear, llama3, yarn");
    }

    @Test
    void theSupportedFamiliesAreListed() {
        assertThatThrownBy(() -> load(valid().put("model_type", "gemma").toString()))
                .hasMessageContaining("field 'model_type' is \"gemma\"")
                .hasMessageContaining(
                        "qwen2 (Qwen1.5, Qwen2, Qwen2.5), qwen3 (Qwen3), llama (Llama 3), mistral (Mistral)");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|',
            textBlock = """
                            model_type              | "mamba"
                            hidden_act              | "gelu"
                            quantization_config     | true
                            quantization_config.quant_method | {"quant_method": "gptq", "bits": 4}
                            quantization_config.format | {"quant_method": "compressed-tensors", "format": "pack-quantized"}
                            quantization_config.config_groups.group_0.input_activations | {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {"input_activations": {"num_bits": 8}}}}
                            quantization_config.config_groups.group_0.weights.num_bits | {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {"weights": {"num_bits": 4}}}}
                            quantization_config.config_groups.group_0.weights.type | {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {"weights": {"type": "float"}}}}
                            quantization_config.config_groups.group_0.weights.symmetric | {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {"weights": {"symmetric": false}}}}
                            quantization_config.config_groups.group_0.weights.strategy | {"quant_method": "compressed-tensors", "format": "int-quantized", "config_groups": {"group_0": {"weights": {"strategy": "group"}}}}
                            rope_scaling            | "yarn"
                            rope_scaling.type       | {"type": "longrope"}
                            rope_scaling.factor     | {"type": "linear", "factor": 0}
                            rope_scaling.factor     | {"type": "yarn", "factor": "4"}
                            rope_scaling.high_freq_factor | {"type": "llama3", "low_freq_factor": 4.0, "high_freq_factor": 4.0, "factor": 8}
                            rope_parameters.full_attention | {"full_attention": {"rope_type": "default"}}
                            rope_parameters.rope_theta | {"rope_theta": 1}
                            rope_parameters.partial_rotary_factor | {"partial_rotary_factor": 0.5}
                            partial_rotary_factor   | 0.5
                            use_sliding_window      | "yes"
                            layer_types             | ["full_attention"]
                            layer_types             | ["full_attention", "linear_attention"]
                            layer_types             | ["full_attention", "sliding_attention"]
                            tie_word_embeddings     | 1
                            num_key_value_heads     | 3
                            num_attention_heads     | 5
                            head_dim                | 5
                            hidden_size             | 0
                            hidden_size             | "12"
                            hidden_size             | 12.5
                            vocab_size              | -1
                            num_hidden_layers       | 2147483648
                    num_hidden_layers       | 10001
                            intermediate_size       | 99999999
                            max_position_embeddings | 0
                            rms_norm_eps            | 0
                            rope_theta              | 0
                            eos_token_id            | "</s>"
                            """)
    void aFieldThatCannotBeUsedIsNamed(String field, String value) {
        ObjectNode json = valid();
        json.set(field.replaceFirst("\\..*", ""), JsonMapper.shared().readTree(value));
        assertThatThrownBy(() -> load(json.toString()))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining(directory.resolve("config.json").toString())
                .hasMessageContaining("'" + field + "'");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                "vocab_size"
            })
    void aMissingFieldIsNamed(String field) {
        ObjectNode json = valid();
        json.remove(field);
        assertThatThrownBy(() -> load(json.toString()))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining(directory.resolve("config.json").toString())
                .hasMessageContaining("field '" + field + "' is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "3", "{\"model_type\": \"qwen2\",}"})
    void whatIsNotAJsonObjectIsRefused(String text) {
        assertThatThrownBy(() -> load(text))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining(directory.resolve("config.json").toString());
    }

    @Test
    void absentFilesAreNamed() {
        assertThatThrownBy(() -> ModelConfig.load(directory))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("config.json");
        assertThatThrownBy(() -> ModelConfig.load(directory.resolve("nowhere")))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("nowhere");
    }
}
