package dev.fenlei.engine.testing;

import dev.fenlei.engine.model.ModelConfig;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// A random decoder of two layers with grouped queries, small enough for finite differences. Weights are large, so that
/// attention is far from uniform and every term of every gradient counts.
public final class TinyModel {

    public static final int HIDDEN = 12;
    public static final int INTERMEDIATE = 20;
    public static final int VOCABULARY = 23;
    public static final int LAYERS = 2;
    public static final int POSITIONS = 32;

    private TinyModel() {}

    /// Writes `config.json` and `model.safetensors`.
    public static Path write(Path directory, boolean tied) throws IOException {
        return write(directory, config(tied));
    }

    /// Writes `config.json` and the weights that it asks for.
    public static Path write(Path directory, String json) throws IOException {
        Files.writeString(directory.resolve("config.json"), json);
        ModelConfig config = ModelConfig.load(directory);
        int querySize = config.querySize();
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            Weights weights = new Weights(arena, new Random(11), entries);
            weights.matrix("model.embed_tokens", VOCABULARY, HIDDEN, 1);
            for (int i = 0; i < LAYERS; i++) {
                String layer = "model.layers." + i + ".";
                weights.vector(layer + "input_layernorm.weight", HIDDEN, 1, 0.2);
                for (String name : List.of("q_proj", "k_proj", "v_proj")) {
                    int out = name.equals("q_proj") ? querySize : config.keyValueSize();
                    weights.linear(layer + "self_attn." + name, out, HIDDEN, 0.4, config.queryKeyValueBias());
                }
                weights.linear(layer + "self_attn.o_proj", HIDDEN, querySize, 0.3, config.outputBias());
                if (config.queryKeyNorm()) {
                    weights.vector(layer + "self_attn.q_norm.weight", config.headDim(), 1, 0.4);
                    weights.vector(layer + "self_attn.k_norm.weight", config.headDim(), 1, 0.4);
                }
                weights.vector(layer + "post_attention_layernorm.weight", HIDDEN, 1, 0.2);
                weights.linear(layer + "mlp.gate_proj", INTERMEDIATE, HIDDEN, 0.4, config.mlpBias());
                weights.linear(layer + "mlp.up_proj", INTERMEDIATE, HIDDEN, 0.4, config.mlpBias());
                weights.linear(layer + "mlp.down_proj", HIDDEN, INTERMEDIATE, 0.3, config.mlpBias());
            }
            weights.vector("model.norm.weight", HIDDEN, 1, 0.2);
            if (!config.tiedEmbeddings()) {
                weights.matrix("lm_head", VOCABULARY, HIDDEN, 0.5);
            }
            SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of("format", "pt"), entries);
        }
        return directory;
    }

    /// The configuration alone.
    public static String config(boolean tied) {
        return """
                {
                  "model_type": "qwen2",
                  "hidden_act": "silu",
                  "hidden_size": 12,
                  "intermediate_size": 20,
                  "num_hidden_layers": 2,
                  "num_attention_heads": 2,
                  "num_key_value_heads": 1,
                  "vocab_size": 23,
                  "max_position_embeddings": 32,
                  "rms_norm_eps": 1e-6,
                  "rope_theta": 100.0,
                  "tie_word_embeddings": %s,
                  "eos_token_id": 2
                }
                """.formatted(tied);
    }

    /// The configuration of another family, with all its differences from Qwen2: untied, and windows shorter than the texts of
    /// the tests.
    ///
    /// @param name one of `qwen3`, `llama`, `mistral`, `qwen2-window`, `qwen2-yarn`
    public static String family(String name) {
        ObjectNode json = (ObjectNode) JsonMapper.shared().readTree(config(false));
        json.put("model_type", name.replaceFirst("-.*", ""));
        switch (name) {
            case "qwen3" -> json.put("head_dim", 8);
            case "llama" -> json.put("attention_bias", true)
                    .put("mlp_bias", true)
                    .putObject("rope_scaling")
                    .put("rope_type", "llama3")
                    .put("factor", 8.0)
                    .put("low_freq_factor", 1.0)
                    .put("high_freq_factor", 4.0)
                    .put("original_max_position_embeddings", 16);
            case "mistral" -> json.put("sliding_window", 3);
            case "qwen2-window" ->
                json.put("use_sliding_window", true).put("sliding_window", 3).put("max_window_layers", 1);
            case "qwen2-yarn" -> json.putObject("rope_scaling").put("type", "yarn").put("factor", 4.0);
            default -> throw new IllegalArgumentException(name);
        }
        return json.toString();
    }

    private record Weights(Arena arena, Random random, List<SafetensorsWriter.Entry> entries) {

        void matrix(String module, int rows, int columns, double deviation) {
            Tensor tensor = fill(rows, columns, 0, deviation);
            entries.add(SafetensorsWriter.Entry.matrix(module + ".weight", tensor));
        }

        void linear(String module, int rows, int columns, double deviation, boolean bias) {
            matrix(module, rows, columns, deviation);
            if (bias) {
                vector(module + ".bias", rows, 0, 0.3);
            }
        }

        void vector(String name, int size, double mean, double deviation) {
            entries.add(SafetensorsWriter.Entry.vector(name, fill(1, size, mean, deviation)));
        }

        private Tensor fill(int rows, int columns, double mean, double deviation) {
            Tensor tensor = Tensor.of(arena.allocate(4L * rows * columns, 64), DType.F32, rows, columns);
            float[] values = new float[rows * columns];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) (mean + deviation * random.nextGaussian());
            }
            tensor.copyFrom(values);
            return tensor;
        }
    }
}
