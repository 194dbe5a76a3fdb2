package dev.fenlei.lora.pretrain;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// The shape of a new model of the Qwen2 family.
///
/// @param vocabularySize tokens, control tokens included
/// @param hiddenSize width of the residual stream
/// @param intermediateSize width inside the feed-forward network
/// @param layers number of layers
/// @param heads number of query heads; divides `hiddenSize`
/// @param keyValueHeads number of key-value heads; divides `heads`
/// @param maxPositions the longest text
/// @param ropeTheta base of the rotary frequencies
/// @param tied whether the head is the embedding
public record ModelShape(
        int vocabularySize,
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int keyValueHeads,
        int maxPositions,
        double ropeTheta,
        boolean tied) {

    /// What a tensor is for, which decides what it begins with.
    public enum Role {
        /// A matrix or the embedding.
        MATRIX,
        /// A matrix that writes into the residual stream.
        RESIDUAL_MATRIX,
        /// The weight of a norm, a vector.
        NORM,
        /// A vector.
        BIAS
    }

    /// A tensor of the model.
    ///
    /// @param name on disk
    /// @param rows 1 for a vector
    public record Weight(String name, int rows, int columns, Role role) {

        /// Whether it has one dimension on disk.
        public boolean vector() {
            return role == Role.NORM || role == Role.BIAS;
        }
    }

    /// The deviation of new weights.
    public static final double DEVIATION = 0.02;

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

    /// Writes `config.json`.
    ///
    /// @param endToken the id that ends a text
    /// @param dtype the type of the weights
    public void writeConfig(Path directory, int endToken, DType dtype) throws IOException {
        ObjectNode config = JsonMapper.shared().createObjectNode();
        config.putArray("architectures").add("Qwen2ForCausalLM");
        config.put("attention_dropout", 0.0);
        config.put("eos_token_id", endToken);
        config.put("hidden_act", "silu");
        config.put("hidden_size", hiddenSize);
        config.put("initializer_range", DEVIATION);
        config.put("intermediate_size", intermediateSize);
        config.put("max_position_embeddings", maxPositions);
        config.put("max_window_layers", layers);
        config.put("model_type", "qwen2");
        config.put("num_attention_heads", heads);
        config.put("num_hidden_layers", layers);
        config.put("num_key_value_heads", keyValueHeads);
        config.put("rms_norm_eps", 1e-6);
        config.put("rope_theta", ropeTheta);
        config.put("tie_word_embeddings", tied);
        ModelFiles.setDType(config, dtype);
        config.put("use_cache", true);
        config.put("use_sliding_window", false);
        config.put("vocab_size", vocabularySize);
        DurableFiles.writeJson(directory.resolve("config.json"), config);
    }

    /// Every tensor, in the order of the model.
    public List<Weight> weights() {
        List<Weight> weights = new ArrayList<>();
        int keyValueSize = hiddenSize / heads * keyValueHeads;
        weights.add(new Weight("model.embed_tokens.weight", vocabularySize, hiddenSize, Role.MATRIX));
        for (int i = 0; i < layers; i++) {
            String layer = "model.layers." + i + ".";
            weights.add(norm(layer + "input_layernorm"));
            weights.add(norm(layer + "post_attention_layernorm"));
            for (String name : List.of("q_proj", "k_proj", "v_proj")) {
                int out = name.equals("q_proj") ? hiddenSize : keyValueSize;
                String linear = layer + "self_attn." + name;
                weights.add(new Weight(linear + ".weight", out, hiddenSize, Role.MATRIX));
                weights.add(new Weight(linear + ".bias", 1, out, Role.BIAS));
            }
            weights.add(
                    new Weight(layer + "self_attn.o_proj.weight", hiddenSize, hiddenSize, Role.RESIDUAL_MATRIX));
            weights.add(new Weight(layer + "mlp.gate_proj.weight", intermediateSize, hiddenSize, Role.MATRIX));
            weights.add(new Weight(layer + "mlp.up_proj.weight", intermediateSize, hiddenSize, Role.MATRIX));
            weights.add(
                    new Weight(layer + "mlp.down_proj.weight", hiddenSize, intermediateSize, Role.RESIDUAL_MATRIX));
        }
        weights.add(norm("model.norm"));
        if (!tied) {
            weights.add(new Weight("lm_head.weight", vocabularySize, hiddenSize, Role.MATRIX));
        }
        return weights;
    }

    private Weight norm(String name) {
        return new Weight(name + ".weight", 1, hiddenSize, Role.NORM);
    }

    /// Writes random weights: normal with deviation 0.02, the matrices that write into the residual stream scaled down by
    /// `1/√(2·layers)` (Radford et al. 2019), norms 1, biases 0.
    void writeWeights(Path directory, long seed) throws IOException {
        try (Workspace workspace = new Workspace()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            for (Weight weight : weights()) {
                Tensor tensor = workspace.take(weight.rows(), weight.columns());
                float[] values = new float[Math.multiplyExact(weight.rows(), weight.columns())];
                long key = Philox.mix(seed, entries.size());
                switch (weight.role()) {
                    case MATRIX -> Philox.normal(key, DEVIATION, values);
                    case RESIDUAL_MATRIX -> Philox.normal(key, DEVIATION / Math.sqrt(2.0 * layers), values);
                    case NORM -> Arrays.fill(values, 1);
                    case BIAS -> Arrays.fill(values, 0);
                }
                tensor.copyFrom(values);
                entries.add(weight.vector()
                        ? SafetensorsWriter.Entry.vector(weight.name(), tensor)
                        : SafetensorsWriter.Entry.matrix(weight.name(), tensor));
            }
            SafetensorsWriter.write(directory.resolve("model.safetensors"), Map.of("format", "pt"), entries);
        }
    }
}
