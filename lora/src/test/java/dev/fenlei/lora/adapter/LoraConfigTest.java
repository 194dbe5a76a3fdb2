package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class LoraConfigTest {

    private static final String QUERY = "model.layers.0.self_attn.q_proj";
    private static final String DOWN = "model.layers.11.mlp.down_proj";

    @TempDir
    Path directory;

    private LoraConfig load(String json) throws IOException {
        Files.writeString(directory.resolve("adapter_config.json"), json);
        return LoraConfig.load(directory);
    }

    private LoraConfig loadWith(String fields) throws IOException {
        return load("{\"peft_type\": \"LORA\", \"target_modules\": [\"q_proj\"]" + fields + "}");
    }

    @Test
    void missingSettingsHavePeftsDefaults() throws IOException {
        LoraConfig config = loadWith("");
        assertThat(config.rank()).isEqualTo(8);
        assertThat(config.alpha()).isEqualTo(8);
        assertThat(config.dropout()).isZero();
        assertThat(config.rankStabilized()).isFalse();
        assertThat(config.rankPattern()).isEmpty();
        assertThat(config.modulesToSave()).isEmpty();
        assertThat(config.baseModel()).isNull();
        assertThat(config.scalingOf(QUERY)).isEqualTo(1);
    }

    @Test
    void namesMatchWholePartsAtTheEnd() throws IOException {
        TargetModules targets = load(
                "{\"peft_type\": \"LORA\", \"target_modules\": [\"q_proj\", \"mlp.down_proj\"]}").targets();
        assertThat(targets.matches(QUERY)).isTrue();
        assertThat(targets.matches("q_proj")).isTrue();
        assertThat(targets.matches(DOWN)).isTrue();
        assertThat(targets.matches("model.layers.0.self_attn.xq_proj")).isFalse();
        assertThat(targets.matches("model.layers.0.self_attn.q_proj.inner")).isFalse();
    }

    @Test
    void aStringIsAPatternForTheWholeName() throws IOException {
        TargetModules targets = load(
                "{\"peft_type\": \"LORA\", \"target_modules\": \".*\\\\.[0-4]\\\\.self_attn\\\\.[qv]_proj\"}")
                .targets();
        assertThat(targets.matches(QUERY)).isTrue();
        assertThat(targets.matches("model.layers.4.self_attn.v_proj")).isTrue();
        assertThat(targets.matches("model.layers.5.self_attn.v_proj")).isFalse();
        assertThat(targets.matches(QUERY + ".lora")).as("no partial match").isFalse();
    }

    @Test
    void allLinearMeansEveryModuleOfTheLayers() throws IOException {
        TargetModules targets = load("{\"peft_type\": \"LORA\", \"target_modules\": \"all-linear\"}").targets();
        for (String module : TargetModules.LINEAR) {
            assertThat(targets.matches("model.layers.0.any." + module)).isTrue();
        }
    }

    @Test
    void theFirstPatternThatMatchesCounts() throws IOException {
        LoraConfig config = loadWith("""
                , "r": 8, "lora_alpha": 32,
                "rank_pattern": {"layers.0.*q_proj": 4, "q_proj": 16, "own_proj": 2},
                "alpha_pattern": {"q_proj": 12.5, ".*": 64}
                """);
        assertThat(config.rankPattern().keySet()).containsExactly("layers.0.*q_proj", "q_proj", "own_proj");
        assertThat(config.rankOf(QUERY)).isEqualTo(4);
        assertThat(config.rankOf("model.layers.1.self_attn.q_proj")).isEqualTo(16);
        assertThat(config.rankOf(DOWN)).as("patterns match whole parts").isEqualTo(8);
        assertThat(config.scalingOf(QUERY)).isEqualTo(12.5 / 4);
        assertThat(config.scalingOf(DOWN)).isEqualTo(64.0 / 8);
    }

    @Test
    void rankStabilizedAdaptersScaleByTheRoot() throws IOException {
        LoraConfig config = loadWith(", \"r\": 16, \"lora_alpha\": 32, \"use_rslora\": true");
        assertThat(config.scalingOf(QUERY)).isCloseTo(8, within(1e-12));
    }

    @Test
    void unknownAndNeutralSettingsAreIgnored() throws IOException {
        assertThat(loadWith(
                """
                        , "peft_version": "0.21.0", "corda_config": null, "something_new": {"deep": [1, 2]}, "qalora_group_size": 16,
                        "bias": "none", "use_dora": false, "use_bdlora": null, "fan_in_fan_out": false, "exclude_modules": [],
                        "layers_to_transform": null, "loftq_config": {}, "init_lora_weights": "gaussian"
                        """))
                .isEqualTo(loadWith(""));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            use_dora                | "yes"
            bias                    | "some"
            bias                    | true
            layers_to_transform     | [0, 1]
            layers_to_transform     | ["0"]
            layers_to_transform     | 1.5
            exclude_modules         | "["
            exclude_modules         | [1]
            modules_to_save         | [""]
            modules_to_save         | "lm_head"
            ensure_weight_tying     | true
            megatron_config         | {"a": 1}
            loftq_config            | {"loftq_bits": 4}
            arrow_config            | {"top_k": 2}
            alora_invocation_tokens | [1, 2]
            use_bdlora              | {"a": 1}
            fan_in_fan_out          | true
            lora_bias               | true
            use_qalora              | true
            layer_replication       | [[0, 4]]
            layers_pattern          | "blocks"
            target_parameters       | ["experts"]
            trainable_token_indices | [1]
            init_lora_weights       | "pissa"
            modules_to_save         | [3]
            target_modules          | "["
            target_modules          | [1]
            target_modules          | {"q_proj": "v_proj"}
            rank_pattern            | {"[": 4}
            rank_pattern            | {"q_proj": "4"}
            rank_pattern            | {"q_proj": 0}
            rank_pattern            | {"q_proj": 100000}
            alpha_pattern           | {"q_proj": -1}
            r                       | 0
            r                       | 100000
            r                       | "eight"
            r                       | 2.5
            lora_alpha              | -1
            lora_alpha              | "much"
            lora_dropout            | 1.0
            lora_dropout            | "0.1x"
            use_rslora              | "maybe"
            peft_type               | "IA3"
            """)
    void aSettingThatCannotBeUsedIsNamed(String field, String value) {
        ObjectNode json = JsonMapper.shared().createObjectNode();
        json.put("peft_type", "LORA").put("target_modules", "q_proj");
        json.set(field, JsonMapper.shared().readTree(value));
        assertThatThrownBy(() -> load(json.toString()))
                .isInstanceOf(AdapterException.class)
                .hasMessageStartingWith(directory.resolve("adapter_config.json") + ": ")
                .hasMessageContaining(field);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "[]", "{}", "{\"peft_type\": \"LORA\"}",
        "{\"peft_type\": \"LORA\", \"target_modules\": []}"})
    void aFileWithoutTheLeastSettingsIsRefused(String json) {
        assertThatThrownBy(() -> load(json))
                .isInstanceOf(AdapterException.class)
                .hasMessageStartingWith(directory.resolve("adapter_config.json") + ": ");
    }

    @Test
    void anAbsentFileIsNamed() {
        assertThatThrownBy(() -> LoraConfig.load(directory))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("adapter_config.json");
    }

    @Test
    void isWrittenAsPeftWritesIt() {
        LoraConfig config = new LoraConfig(
                "Qwen/Qwen1.5-7B-Chat", 8, 32, 0.1, TargetModules.of(List.of("q_proj", "v_proj")), false, false,
                Map.of(), Map.of("q_proj", 16.0), Bias.NONE, List.of("lm_head"));
        assertThat(new String(LoraConfigFile.toJson(config), StandardCharsets.UTF_8)).isEqualTo("""
                {
                  "alpha_pattern": {
                    "q_proj": 16
                  },
                  "auto_mapping": null,
                  "base_model_name_or_path": "Qwen/Qwen1.5-7B-Chat",
                  "bias": "none",
                  "fan_in_fan_out": false,
                  "inference_mode": true,
                  "init_lora_weights": true,
                  "layer_replication": null,
                  "layers_pattern": null,
                  "layers_to_transform": null,
                  "loftq_config": {},
                  "lora_alpha": 32,
                  "lora_dropout": 0.1,
                  "megatron_config": null,
                  "megatron_core": "megatron.core",
                  "modules_to_save": [
                    "lm_head"
                  ],
                  "peft_type": "LORA",
                  "r": 8,
                  "rank_pattern": {},
                  "revision": null,
                  "target_modules": [
                    "q_proj",
                    "v_proj"
                  ],
                  "task_type": "CAUSAL_LM",
                  "use_dora": false,
                  "use_rslora": false
                }""");
    }

    @Test
    void whatIsWrittenIsReadBack() throws IOException {
        LoraConfig config = loadWith("""
                , "r": 4, "lora_alpha": 2.5, "lora_dropout": 0.05, "use_rslora": true, "base_model_name_or_path": "模型",
                "rank_pattern": {"z_proj": 2, "a_proj": 3}, "alpha_pattern": {"b": 1.5}, "modules_to_save": ["lm_head"]
                """);
        DurableFiles.write(directory.resolve("adapter_config.json"), LoraConfigFile.toJson(config));
        assertThat(LoraConfig.load(directory)).isEqualTo(config);
        assertThat(LoraConfig.load(directory).rankPattern().keySet()).containsExactly("z_proj", "a_proj");
    }
}
