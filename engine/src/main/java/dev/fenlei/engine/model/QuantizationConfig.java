package dev.fenlei.engine.model;

import tools.jackson.databind.node.ObjectNode;

/// The `quantization_config` of a `config.json`, for the one kind that is supported: the format `int-quantized` of
/// [compressed-tensors](https://github.com/vllm-project/compressed-tensors), 8 bits, symmetric, a scale for each row.
final class QuantizationConfig {

    private static final String FIELD = "quantization_config";
    private static final String METHOD = "compressed-tensors";
    private static final String FORMAT = "int-quantized";

    private QuantizationConfig() {}

    /// Checks that quantised weights, if a model has any, are of the kind that [#describe] describes.
    static void check(ConfigFields config) throws ModelException {
        ConfigFields fields = config.object(FIELD);
        if (fields.isEmpty()) {
            return;
        }
        fields.require(
                "quant_method", fields.text("quant_method", "").equals(METHOD),
                "the only supported method is " + METHOD + " in the format " + FORMAT);
        fields.require(
                "format", fields.text("format", "").equals(FORMAT), "the only supported format is " + FORMAT);
        ConfigFields groups = fields.object("config_groups");
        for (String name : groups.json().propertyNames()) {
            ConfigFields group = groups.object(name);
            group.require("input_activations", !group.has("input_activations"), "activations cannot be quantised");
            ConfigFields weights = group.object("weights");
            weights.require("num_bits", weights.size("num_bits", 8) == 8, "must be 8");
            weights.require("type", weights.text("type", "int").equals("int"), "must be int");
            weights.require("symmetric", weights.flag("symmetric", true), "must be true");
            weights.require(
                    "strategy", weights.text("strategy", "").equals("channel"),
                    "must be channel: a scale for each row");
        }
    }

    /// Says in a `config.json` that the weights are quantised, as the compressed-tensors format does.
    ///
    /// @param tiedHead whether the head is the embedding, which is not quantised
    static void describe(ObjectNode config, boolean tiedHead) {
        ObjectNode quantization = config.putObject(FIELD);
        quantization.put("quant_method", METHOD).put("format", FORMAT).put("quantization_status", "compressed");
        ObjectNode group = quantization.putObject("config_groups").putObject("group_0");
        group.putArray("targets").add("Linear");
        group.putObject("weights")
                .put("num_bits", 8)
                .put("type", "int")
                .put("symmetric", true)
                .put("strategy", "channel")
                .put("dynamic", false);
        group.putNull("input_activations").putNull("output_activations");
        if (tiedHead) {
            quantization.putArray("ignore").add("lm_head");
        } else {
            quantization.putArray("ignore");
        }
    }

    /// Takes back what [#describe] said.
    static void forget(ObjectNode config) {
        config.remove(FIELD);
    }
}
