package dev.fenlei.engine.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The shape of a decoder, read from a Hugging Face `config.json`.
///
/// Families are differences in these values: what a `model_type` implies beyond its fields stands in `ModelFamily`, and where
/// the mathematics differ there is a component here.
///
/// @param modelType `model_type`
/// @param vocabSize rows of the embedding; may exceed the number of tokens
/// @param hiddenSize width of the residual stream
/// @param intermediateSize width inside the gated feed-forward network
/// @param layers `num_hidden_layers`
/// @param heads `num_attention_heads`
/// @param keyValueHeads `num_key_value_heads`, a divisor of `heads`
/// @param headDim width of one attention head
/// @param maxPositions the longest text: `max_position_embeddings`, or what `ropeScaling` makes of it
/// @param windows for each layer how many positions a row sees, its own included;
///     [dev.fenlei.engine.compute.AttentionMask#UNLIMITED] for all
/// @param rmsNormEps added to the mean square in every norm
/// @param ropeTheta base of the rotary frequencies
/// @param ropeScaling how they are stretched
/// @param tiedEmbeddings whether the head is the embedding
/// @param queryKeyValueBias whether the q, k and v projections have biases
/// @param outputBias whether the o projection has a bias
/// @param mlpBias whether the projections of the feed-forward network have biases
/// @param queryKeyNorm whether every head of queries and keys is normalised before its rotation
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
        List<Integer> windows,
        float rmsNormEps,
        double ropeTheta,
        RopeScaling ropeScaling,
        boolean tiedEmbeddings,
        boolean queryKeyValueBias,
        boolean outputBias,
        boolean mlpBias,
        boolean queryKeyNorm,
        List<Integer> eosTokenIds) {

    private static final long MAX_FILE_BYTES = 1 << 20;
    private static final int MAX_LAYERS = 10_000;

    public ModelConfig {
        windows = List.copyOf(windows);
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
                windows, rmsNormEps, ropeTheta, ropeScaling, tiedEmbeddings, queryKeyValueBias, outputBias, mlpBias,
                queryKeyNorm, eos);
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
        ConfigFields fields = new ConfigFields(file, json, "");
        ModelFamily family = ModelFamily.of(fields);
        fields.require(
                "hidden_act", fields.text("hidden_act", "silu").equals("silu"),
                "the only supported activation is silu");
        QuantizationConfig.check(fields);
        int hidden = fields.size("hidden_size", -1);
        int heads = fields.size("num_attention_heads", -1);
        int keyValueHeads = fields.size("num_key_value_heads", heads);
        fields.require("num_key_value_heads", heads % keyValueHeads == 0, "must divide num_attention_heads");
        int layers = fields.size("num_hidden_layers", -1);
        fields.require("num_hidden_layers", layers <= MAX_LAYERS, "can be " + MAX_LAYERS + " at most");
        double eps = fields.number("rms_norm_eps", 1e-6);
        fields.require("rms_norm_eps", eps < 1, "must lie between 0 and 1");
        int maxPositions = family.maxPositions(fields);
        RopeFields rope = RopeFields.of(fields, maxPositions);
        return new ModelConfig(
                family.modelType(),
                fields.size("vocab_size", -1),
                hidden,
                fields.size("intermediate_size", -1),
                layers,
                heads,
                keyValueHeads,
                family.headDim(fields, hidden, heads),
                rope.scaling().positions(maxPositions),
                family.windows(fields, layers),
                (float) eps,
                rope.theta(),
                rope.scaling(),
                fields.flag("tie_word_embeddings", false),
                family.queryKeyValueBias(fields),
                family.outputBias(fields),
                family.mlpBias(fields),
                family.queryKeyNorm(),
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
                + (queryKeyValueBias ? querySize() + 2L * keyValueSize() : 0)
                + (outputBias ? hiddenSize : 0)
                + (queryKeyNorm ? 2L * headDim : 0);
        long mlp = 3L * hiddenSize * intermediateSize + (mlpBias ? 2L * intermediateSize + hiddenSize : 0);
        long embeddings = (long) vocabSize * hiddenSize * (tiedEmbeddings ? 1 : 2);
        return layers * (attention + mlp + 2L * hiddenSize) + embeddings + hiddenSize;
    }
}
