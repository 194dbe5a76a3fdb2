package dev.fenlei.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
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
    @CsvSource(delimiter = '|', textBlock = """
            model_type              | "mamba"
            hidden_act              | "gelu"
            quantization_config     | {"quant_method": "gptq", "bits": 4}
            rope_scaling            | {"type": "yarn", "factor": 4.0}
            rope_parameters         | {"rope_type": "llama3", "factor": 8.0}
            use_sliding_window      | true
            num_key_value_heads     | 3
            num_attention_heads     | 5
            head_dim                | 5
            hidden_size             | 0
            hidden_size             | "12"
            hidden_size             | 12.5
            vocab_size              | -1
            num_hidden_layers       | 2147483648
            intermediate_size       | 99999999
            max_position_embeddings | 0
            rms_norm_eps            | 0
            rope_theta              | 0
            eos_token_id            | "</s>"
            """)
    void aFieldThatCannotBeUsedIsNamed(String field, String value) {
        ObjectNode json = valid();
        json.set(field, JsonMapper.shared().readTree(value));
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
