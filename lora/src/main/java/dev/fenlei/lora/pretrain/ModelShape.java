package dev.fenlei.lora.pretrain;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// The shape of a new model of the Qwen2 family with tied embeddings.
///
/// @param vocabularySize tokens, control tokens included
/// @param hiddenSize width of the residual stream
/// @param intermediateSize width inside the feed-forward network
/// @param layers number of layers
/// @param heads number of query heads; divides `hiddenSize`
/// @param keyValueHeads number of key-value heads; divides `heads`
/// @param maxPositions the longest text
/// @param ropeTheta base of the rotary frequencies
public record ModelShape(
        int vocabularySize,
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int keyValueHeads,
        int maxPositions,
        double ropeTheta) {

    public ModelShape {
        if (vocabularySize < 300 || hiddenSize < 2 || intermediateSize < 1 || layers < 1 || heads < 1
                || keyValueHeads < 1 || maxPositions < 2) {
            throw new IllegalArgumentException(
                    "impossible model shape: sizes must be positive, the vocabulary at least 300");
        }
        if (hiddenSize % heads != 0 || (hiddenSize / heads) % 2 != 0 || heads % keyValueHeads != 0) {
            throw new IllegalArgumentException(
                    "impossible model shape: heads must divide hidden_size into even parts, num_key_value_heads must divide heads");
        }
    }

    /// Writes `config.json` for weights in single precision.
    ///
    /// @param endToken the id that ends a text
    void writeConfig(Path directory, int endToken) throws IOException {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("architectures", List.of("Qwen2ForCausalLM"));
        config.put("attention_dropout", 0.0);
        config.put("eos_token_id", endToken);
        config.put("hidden_act", "silu");
        config.put("hidden_size", hiddenSize);
        config.put("initializer_range", 0.02);
        config.put("intermediate_size", intermediateSize);
        config.put("max_position_embeddings", maxPositions);
        config.put("max_window_layers", layers);
        config.put("model_type", "qwen2");
        config.put("num_attention_heads", heads);
        config.put("num_hidden_layers", layers);
        config.put("num_key_value_heads", keyValueHeads);
        config.put("rms_norm_eps", 1e-6);
        config.put("rope_theta", ropeTheta);
        config.put("tie_word_embeddings", true);
        config.put("torch_dtype", "float32");
        config.put("use_cache", true);
        config.put("use_sliding_window", false);
        config.put("vocab_size", vocabularySize);
        byte[] json = JsonMapper.builder()
                .enable(SerializationFeature.INDENT_OUTPUT)
                .build()
                .writeValueAsString(config)
                .getBytes(StandardCharsets.UTF_8);
        DurableFiles.write(directory.resolve("config.json"), json);
    }

    /// Writes random weights: normal with deviation 0.02, the matrices that write into the residual stream scaled down by
    /// `1/√(2·layers)` (Radford et al. 2019), norms 1, biases 0.
    void writeWeights(Path directory, long seed) throws IOException {
        try (Workspace workspace = new Workspace()) {
            Initializer init = new Initializer(workspace, seed);
            int keyValueSize = hiddenSize / heads * keyValueHeads;
            double residual = 0.02 / Math.sqrt(2.0 * layers);
            init.matrix("model.embed_tokens.weight", vocabularySize, hiddenSize, 0.02);
            for (int i = 0; i < layers; i++) {
                String layer = "model.layers." + i + ".";
                init.constant(layer + "input_layernorm.weight", hiddenSize, 1);
                init.constant(layer + "post_attention_layernorm.weight", hiddenSize, 1);
                for (String name : List.of("q_proj", "k_proj", "v_proj")) {
                    int out = name.equals("q_proj") ? hiddenSize : keyValueSize;
                    init.matrix(layer + "self_attn." + name + ".weight", out, hiddenSize, 0.02);
                    init.constant(layer + "self_attn." + name + ".bias", out, 0);
                }
                init.matrix(layer + "self_attn.o_proj.weight", hiddenSize, hiddenSize, residual);
                init.matrix(layer + "mlp.gate_proj.weight", intermediateSize, hiddenSize, 0.02);
                init.matrix(layer + "mlp.up_proj.weight", intermediateSize, hiddenSize, 0.02);
                init.matrix(layer + "mlp.down_proj.weight", hiddenSize, intermediateSize, residual);
            }
            init.constant("model.norm.weight", hiddenSize, 1);
            SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of("format", "pt"), init.entries);
        }
    }

    private static final class Initializer {

        private final Workspace workspace;
        private final long seed;
        private final List<SafetensorsWriter.Entry> entries = new ArrayList<>();

        Initializer(Workspace workspace, long seed) {
            this.workspace = workspace;
            this.seed = seed;
        }

        void constant(String name, int size, float value) {
            Tensor tensor = workspace.take(1, size);
            for (int i = 0; i < size; i++) {
                tensor.set(0, i, value);
            }
            entries.add(SafetensorsWriter.Entry.vector(name, tensor));
        }

        void matrix(String name, int rows, int columns, double deviation) {
            Tensor tensor = workspace.take(rows, columns);
            float[] values = new float[Math.multiplyExact(rows, columns)];
            Philox.normal(Philox.mix(seed, entries.size()), deviation, values);
            tensor.copyFrom(values);
            entries.add(SafetensorsWriter.Entry.matrix(name, tensor));
        }
    }
}
