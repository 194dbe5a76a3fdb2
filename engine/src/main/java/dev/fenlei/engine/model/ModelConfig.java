package dev.fenlei.engine.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The shape of a decoder, read from a Hugging Face `config.json`.
///
/// Families are differences in these values: a new one is a new entry in the list of model types and, where its
/// mathematics differ, a new component.
///
/// @param modelType `model_type`
/// @param vocabSize rows of the embedding; may exceed the number of tokens
/// @param hiddenSize width of the residual stream
/// @param intermediateSize width inside the gated feed-forward network
/// @param layers `num_hidden_layers`
/// @param heads `num_attention_heads`
/// @param keyValueHeads `num_key_value_heads`, a divisor of `heads`
/// @param headDim width of one attention head
/// @param maxPositions `max_position_embeddings`
/// @param rmsNormEps added to the mean square in every norm
/// @param ropeTheta base of the rotary frequencies
/// @param tiedEmbeddings whether the head is the embedding
/// @param attentionBias whether the q, k and v projections have biases
/// @param eosTokenIds ids that end a text; may be empty
public record ModelConfig(
        String modelType,
        int vocabSize,
        int hiddenSize,
        int intermediateSize,
        int layers,
        int heads,
        int keyValueHeads,
        int headDim,
        int maxPositions,
        float rmsNormEps,
        double ropeTheta,
        boolean tiedEmbeddings,
        boolean attentionBias,
        List<Integer> eosTokenIds) {

    private static final long MAX_FILE_BYTES = 1 << 20;
    private static final int MAX_SIZE = 1 << 24;

    public ModelConfig {
        eosTokenIds = List.copyOf(eosTokenIds);
    }

    /// Reads `config.json` of a model directory, and the end tokens of `generation_config.json` if that is there.
    ///
    /// @throws ModelException if a field is missing, impossible, or asks for mathematics that are not implemented
    public static ModelConfig load(Path directory) throws IOException {
        Path file = directory.resolve("config.json");
        if (!Files.isDirectory(directory)) {
            throw new NoSuchFileException(directory.toString(), null, "there is no such model directory");
        }
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString(), null, "a model directory holds a config.json");
        }
        ModelConfig config = parse(file, read(file));
        Path generation = directory.resolve("generation_config.json");
        if (!Files.exists(generation)) {
            return config;
        }
        List<Integer> eos = ids(generation, read(generation).get("eos_token_id"));
        return eos.isEmpty() ? config : config.withEos(eos);
    }

    private ModelConfig withEos(List<Integer> eos) {
        return new ModelConfig(
                modelType, vocabSize, hiddenSize, intermediateSize, layers, heads, keyValueHeads, headDim, maxPositions,
                rmsNormEps, ropeTheta, tiedEmbeddings, attentionBias, eos);
    }

    private static JsonNode read(Path file) throws IOException {
        if (Files.size(file) > MAX_FILE_BYTES) {
            throw new ModelException(file, "larger than " + MAX_FILE_BYTES + " bytes");
        }
        try {
            JsonNode root = JsonMapper.shared().readTree(Files.readString(file));
            if (!root.isObject()) {
                throw new ModelException(file, "not a JSON object");
            }
            return root;
        } catch (JacksonException e) {
            throw new ModelException(file, "not JSON: " + e.getOriginalMessage());
        }
    }

    private static ModelConfig parse(Path file, JsonNode json) throws ModelException {
        Fields fields = new Fields(file, json);
        String modelType = json.path("model_type").asString("");
        fields.require("model_type", Set.of("qwen2").contains(modelType),
                "supported are: qwen2 (Qwen1.5, Qwen2, Qwen2.5)");
        fields.require(
                "hidden_act", json.path("hidden_act").asString("silu").equals("silu"),
                "the only supported activation is silu");
        fields.require(
                "quantization_config", json.path("quantization_config").isEmpty(),
                "quantised weights are not supported");
        fields.require(
                "use_sliding_window",
                !json.path("use_sliding_window").asBoolean(false),
                "sliding-window attention is not supported");

        // transformers 5 moved the rotary settings into rope_parameters; the hub's files have them at the top.
        JsonNode rope = json.path("rope_parameters");
        for (String name : List.of("rope_parameters", "rope_scaling")) {
            JsonNode scaling = json.path(name);
            String type = scaling.path("rope_type").asString(scaling.path("type").asString("default"));
            fields.require(name, type.equals("default"), "the only supported rotary type is default");
        }
        double theta = rope.path("rope_theta").asDouble(json.path("rope_theta").asDouble(10_000));
        fields.require("rope_theta", theta > 1 && Double.isFinite(theta), "must be above 1");

        int hidden = fields.size("hidden_size", -1);
        int heads = fields.size("num_attention_heads", -1);
        int keyValueHeads = fields.size("num_key_value_heads", heads);
        fields.require("num_key_value_heads", heads % keyValueHeads == 0, "must divide num_attention_heads");
        fields.require(
                "num_attention_heads",
                json.path("head_dim").isInt() || hidden % heads == 0,
                "must divide hidden_size unless there is a head_dim");
        int headDim = fields.size("head_dim", hidden / heads);
        fields.require("head_dim", headDim % 2 == 0, "must be even");
        double eps = json.path("rms_norm_eps").asDouble(1e-6);
        fields.require("rms_norm_eps", eps > 0 && eps < 1, "must lie between 0 and 1");
        return new ModelConfig(
                modelType,
                fields.size("vocab_size", -1),
                hidden,
                fields.size("intermediate_size", -1),
                fields.size("num_hidden_layers", -1),
                heads,
                keyValueHeads,
                headDim,
                fields.size("max_position_embeddings", 32_768),
                (float) eps,
                theta,
                json.path("tie_word_embeddings").asBoolean(false),
                true,
                ids(file, json.get("eos_token_id")));
    }

    private static List<Integer> ids(Path file, @Nullable JsonNode node) throws ModelException {
        List<Integer> ids = new ArrayList<>();
        if (node == null || node.isNull()) {
            return ids;
        }
        for (JsonNode id : node.isArray() ? node : List.of(node)) {
            if (!id.isInt() || id.intValue() < 0) {
                throw new ModelException(file, "field 'eos_token_id' holds " + id + ", which is not a token id");
            }
            ids.add(id.intValue());
        }
        return ids;
    }

    /// Width of all query heads together.
    public int querySize() {
        return heads * headDim;
    }

    /// Width of all key (or value) heads together.
    public int keyValueSize() {
        return keyValueHeads * headDim;
    }

    /// The number of weights.
    public long parameters() {
        long attention = (long) hiddenSize * (2L * querySize() + 2L * keyValueSize())
                + (attentionBias ? querySize() + 2L * keyValueSize() : 0);
        long mlp = 3L * hiddenSize * intermediateSize;
        long embeddings = (long) vocabSize * hiddenSize * (tiedEmbeddings ? 1 : 2);
        return layers * (attention + mlp + 2L * hiddenSize) + embeddings + hiddenSize;
    }

    private record Fields(Path file, JsonNode json) {

        void require(String field, boolean condition, String rule) throws ModelException {
            if (!condition) {
                JsonNode node = json.path(field);
                throw new ModelException(
                        file, "field '" + field + "' is " + (node.isMissingNode() ? "missing" : node) + "; " + rule);
            }
        }

        int size(String field, int fallback) throws ModelException {
            JsonNode node = json.path(field);
            int value = node.isMissingNode() || node.isNull() ? fallback : node.isInt() ? node.intValue() : -1;
            require(field, value > 0 && value <= MAX_SIZE, "must be a whole number from 1 to " + MAX_SIZE);
            return value;
        }
    }
}
