package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.AttentionMask;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/// What a `model_type` says that no field of `config.json` says, as `transformers` has it in the class of that name.
enum ModelFamily {
    QWEN2("qwen2", "Qwen1.5, Qwen2, Qwen2.5", Bias.QUERY_KEY_VALUE, false, Window.UPPER_LAYERS, 0, 32_768),
    QWEN3("qwen3", "Qwen3", Bias.FIELD, true, Window.UPPER_LAYERS, 128, 32_768),
    LLAMA("llama", "Llama 3", Bias.FIELD, false, Window.NONE, 0, 2048),
    MISTRAL("mistral", "Mistral", Bias.NONE, false, Window.ALL_LAYERS, 0, 131_072);

    /// Which projections of the attention have biases.
    private enum Bias {
        NONE,
        QUERY_KEY_VALUE,
        /// All four where `attention_bias` is true.
        FIELD
    }

    /// Which layers `sliding_window` holds for.
    private enum Window {
        NONE,
        ALL_LAYERS,
        /// Where `use_sliding_window` is true, those that `layer_types` names, or those from `max_window_layers` on.
        UPPER_LAYERS
    }

    private static final int DEFAULT_WINDOW = 4096;
    private static final int DEFAULT_MAX_WINDOW_LAYERS = 28;

    private final String modelType;
    private final String examples;
    private final Bias bias;
    private final boolean queryKeyNorm;
    private final Window window;
    private final int defaultHeadDim;
    private final int defaultMaxPositions;

    /// @param defaultHeadDim 0 if the heads share the hidden size
    ModelFamily(
            String modelType, String examples, Bias bias, boolean queryKeyNorm, Window window, int defaultHeadDim,
            int defaultMaxPositions) {
        this.modelType = modelType;
        this.examples = examples;
        this.bias = bias;
        this.queryKeyNorm = queryKeyNorm;
        this.window = window;
        this.defaultHeadDim = defaultHeadDim;
        this.defaultMaxPositions = defaultMaxPositions;
    }

    /// The family of a configuration.
    ///
    /// @throws ModelException if there is none of its `model_type`
    static ModelFamily of(ConfigFields fields) throws ModelException {
        String type = fields.text("model_type", "");
        for (ModelFamily family : values()) {
            if (family.modelType.equals(type)) {
                return family;
            }
        }
        fields.require("model_type", false, "supported are: " + Arrays.stream(values())
                .map(family -> family.modelType + " (" + family.examples + ")")
                .collect(Collectors.joining(", ")));
        throw new AssertionError(type);
    }

    String modelType() {
        return modelType;
    }

    /// Whether queries and keys are normalised head by head.
    boolean queryKeyNorm() {
        return queryKeyNorm;
    }

    boolean queryKeyValueBias(ConfigFields fields) throws ModelException {
        return bias == Bias.QUERY_KEY_VALUE || outputBias(fields);
    }

    boolean outputBias(ConfigFields fields) throws ModelException {
        return bias == Bias.FIELD && fields.flag("attention_bias", false);
    }

    /// Whether the projections of the feed-forward network have biases: a field of Llama's alone.
    boolean mlpBias(ConfigFields fields) throws ModelException {
        return this == LLAMA && fields.flag("mlp_bias", false);
    }

    int headDim(ConfigFields fields, int hiddenSize, int heads) throws ModelException {
        boolean divided = !fields.has("head_dim") && defaultHeadDim == 0;
        fields.require(
                "num_attention_heads",
                !divided || hiddenSize % heads == 0,
                "must divide hidden_size unless there is a head_dim");
        int headDim = fields.size("head_dim", divided ? hiddenSize / heads : defaultHeadDim);
        fields.require("head_dim", headDim % 2 == 0, "must be even");
        return headDim;
    }

    int maxPositions(ConfigFields fields) throws ModelException {
        return fields.size("max_position_embeddings", defaultMaxPositions);
    }

    /// For each layer how many positions a row sees, [AttentionMask#UNLIMITED] for all.
    List<Integer> windows(ConfigFields fields, int layers) throws ModelException {
        boolean used = window == Window.ALL_LAYERS
                || (window == Window.UPPER_LAYERS && fields.flag("use_sliding_window", false));
        int size = !used || fields.isNull("sliding_window")
                ? AttentionMask.UNLIMITED
                : fields.size("sliding_window", DEFAULT_WINDOW);
        if (window != Window.UPPER_LAYERS) {
            return Collections.nCopies(layers, size);
        }
        return fields.has("layer_types") ? listed(fields, layers, size) : upper(fields, layers, size);
    }

    private static List<Integer> listed(ConfigFields fields, int layers, int size) throws ModelException {
        JsonNode types = fields.json().path("layer_types");
        fields.require("layer_types", types.isArray() && types.size() == layers, "must name a type for each layer");
        List<Integer> windows = new ArrayList<>();
        for (JsonNode type : types) {
            boolean sliding = type.asString("").equals("sliding_attention");
            fields.require(
                    "layer_types",
                    sliding || type.asString("").equals("full_attention"),
                    "supported are full_attention and sliding_attention");
            fields.require(
                    "layer_types",
                    !sliding || size != AttentionMask.UNLIMITED,
                    "sliding_attention needs use_sliding_window and a sliding_window");
            windows.add(sliding ? size : AttentionMask.UNLIMITED);
        }
        return windows;
    }

    private static List<Integer> upper(ConfigFields fields, int layers, int size) throws ModelException {
        if (size == AttentionMask.UNLIMITED) {
            return Collections.nCopies(layers, size);
        }
        JsonNode node = fields.json().path("max_window_layers");
        fields.require(
                "max_window_layers",
                !fields.has("max_window_layers") || (node.isInt() && node.intValue() >= 0),
                "must be a whole number");
        int unlimited = fields.has("max_window_layers") ? node.intValue() : DEFAULT_MAX_WINDOW_LAYERS;
        List<Integer> windows = new ArrayList<>();
        for (int layer = 0; layer < layers; layer++) {
            windows.add(layer < unlimited ? AttentionMask.UNLIMITED : size);
        }
        return windows;
    }
}
