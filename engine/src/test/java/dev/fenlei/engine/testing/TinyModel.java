package dev.fenlei.engine.testing;

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

/// A random decoder of two layers with grouped queries, small enough for finite differences. Weights are large, so that
/// attention is far from uniform and every term of every gradient counts.
public final class TinyModel {

    public static final int HIDDEN = 12;
    public static final int INTERMEDIATE = 20;
    public static final int VOCABULARY = 23;
    public static final int LAYERS = 2;
    public static final int POSITIONS = 32;

    private static final int KEY_VALUE_SIZE = 6;

    private TinyModel() {}

    /// Writes `config.json` and `model.safetensors`.
    public static Path write(Path directory, boolean tied) throws IOException {
        Files.writeString(directory.resolve("config.json"), config(tied));
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            Weights weights = new Weights(arena, new Random(11), entries);
            weights.matrix("model.embed_tokens", VOCABULARY, HIDDEN, 1);
            for (int i = 0; i < LAYERS; i++) {
                String layer = "model.layers." + i + ".";
                weights.vector(layer + "input_layernorm.weight", HIDDEN, 1, 0.2);
                for (String name : List.of("q_proj", "k_proj", "v_proj")) {
                    int out = name.equals("q_proj") ? HIDDEN : KEY_VALUE_SIZE;
                    weights.matrix(layer + "self_attn." + name, out, HIDDEN, 0.4);
                    weights.vector(layer + "self_attn." + name + ".bias", out, 0, 0.3);
                }
                weights.matrix(layer + "self_attn.o_proj", HIDDEN, HIDDEN, 0.3);
                weights.vector(layer + "post_attention_layernorm.weight", HIDDEN, 1, 0.2);
                weights.matrix(layer + "mlp.gate_proj", INTERMEDIATE, HIDDEN, 0.4);
                weights.matrix(layer + "mlp.up_proj", INTERMEDIATE, HIDDEN, 0.4);
                weights.matrix(layer + "mlp.down_proj", HIDDEN, INTERMEDIATE, 0.3);
            }
            weights.vector("model.norm.weight", HIDDEN, 1, 0.2);
            if (!tied) {
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

    private record Weights(Arena arena, Random random, List<SafetensorsWriter.Entry> entries) {

        void matrix(String module, int rows, int columns, double deviation) {
            Tensor tensor = fill(rows, columns, 0, deviation);
            entries.add(SafetensorsWriter.Entry.matrix(module + ".weight", tensor));
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
