package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Which modules settings mean, by the rules of PEFT.
class TargetModulesTest {

    @TempDir
    Path directory;

    private LoraConfig load(String fields) throws IOException {
        Files.writeString(directory.resolve("adapter_config.json"), "{\"peft_type\": \"LORA\", " + fields + "}");
        return LoraConfig.load(directory);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            "target_modules": ["q_proj"]                                                     | 0 1 11
            "target_modules": "all-linear"                                                   | 0 1 11
            "target_modules": "ALL-LINEAR"                                                   | 0 1 11
            "target_modules": ".*layers\\\\.1\\\\..*"                                            | 1
            "target_modules": "q_proj"                                                       |
            "target_modules": ["q_proj"], "exclude_modules": ["layers.1.self_attn.q_proj"]   | 0 11
            "target_modules": ["q_proj"], "exclude_modules": ".*\\\\.1\\\\d?\\\\..*"               | 0
            "target_modules": ["q_proj"], "exclude_modules": "q_proj"                        | 0 1 11
            "target_modules": "all-linear", "exclude_modules": ["q_proj"]                    |
            "target_modules": ["q_proj"], "exclude_modules": []                              | 0 1 11
            "target_modules": ["q_proj"], "exclude_modules": ""                              | 0 1 11
            "target_modules": ["q_proj"], "layers_to_transform": [0, 11]                     | 0 11
            "target_modules": ["q_proj"], "layers_to_transform": 1                           | 1
            "target_modules": ["q_proj"], "layers_to_transform": []                          | 0 1 11
            "target_modules": ["q_proj"], "layers_to_transform": 1, "layers_pattern": "layers" | 1
            "target_modules": ["q_proj"], "layers_to_transform": 1, "layers_pattern": ""     | 1
            "target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": ["h", "layers"] | 1
            "target_modules": ["q_proj"], "layers_to_transform": [1], "layers_pattern": ["h"]  |
            "target_modules": ["q_proj"], "modules_to_save": ["layers.1.self_attn"]          | 0 11
            "target_modules": ["model.layers.0.self_attn.q_proj", "q_proj"], "layers_to_transform": [11] | 0 11
            """)
    void aModuleIsAdaptedOrNot(String fields, @org.jspecify.annotations.Nullable String layers) throws IOException {
        LoraConfig config = load(fields);
        List<String> expected = layers == null ? List.of() : List.of(layers.split(" "));
        for (String layer : List.of("0", "1", "11")) {
            assertThat(config.adapts("model.layers." + layer + ".self_attn.q_proj"))
                    .as("layer %s under %s", layer, fields)
                    .isEqualTo(expected.contains(layer));
        }
    }

    @Test
    void settingsThatContradictOneAnotherAreNamed() {
        for (String target : List.of("all-linear", ".*q_proj")) {
            assertThatThrownBy(() -> load("\"target_modules\": \"" + target + "\", \"layers_to_transform\": [1]"))
                    .isInstanceOf(AdapterException.class)
                    .hasMessageContaining("layers_to_transform")
                    .hasMessageContaining("target_modules");
        }
        assertThatThrownBy(() -> load("\"target_modules\": [\"q_proj\"], \"layers_pattern\": \"layers\""))
                .isInstanceOf(AdapterException.class)
                .hasMessageContaining("layers_pattern needs layers_to_transform");
    }

    @Test
    void headAndEmbeddingAreAdaptedByNameOnly() throws IOException {
        assertThat(load("\"target_modules\": \"all-linear\"").adaptsByName("lm_head")).isFalse();
        assertThat(load("\"target_modules\": [\"lm_head\"]").adaptsByName("lm_head")).isTrue();
        assertThat(load("\"target_modules\": \".*embed_tokens\"").adaptsByName("model.embed_tokens")).isTrue();
        assertThat(load("\"target_modules\": [\"lm_head\"], \"modules_to_save\": [\"lm_head\"]")
                .adaptsByName("lm_head")).isFalse();
    }

    @Test
    void settingsComeBack() throws IOException {
        LoraConfig config = load("""
                "target_modules": ["q_proj"], "exclude_modules": ".*0.*", "layers_to_transform": [1, 2],
                "layers_pattern": ["layers"], "use_dora": true, "bias": "lora_only", "modules_to_save": ["norm"]
                """);
        Files.write(directory.resolve("adapter_config.json"), LoraConfigFile.toJson(config));
        assertThat(LoraConfig.load(directory)).isEqualTo(config);
    }

    @Test
    void oneItemThatIsNoNameIsAPattern() {
        assertThat(TargetModules.of(List.of("self_attn.q_proj")).matches("model.layers.0.self_attn.q_proj")).isTrue();
        assertThat(TargetModules.of(List.of(".*\\.[qv]_proj")).matches("model.layers.0.self_attn.v_proj")).isTrue();
        assertThat(TargetModules.of(List.of(".*\\.[qv]_proj")).toJson()).isEqualTo(".*\\.[qv]_proj");
        assertThat(TargetModules.of(List.of("all-linear")).toJson()).isEqualTo("all-linear");
    }
}
