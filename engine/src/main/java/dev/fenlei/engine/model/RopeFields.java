package dev.fenlei.engine.model;

import java.util.List;

/// The rotary settings of a `config.json`.
///
/// The hub's files have them in `rope_scaling` and `rope_theta`; transformers 5 moved them into `rope_parameters`.
///
/// @param theta base of the frequencies
record RopeFields(double theta, RopeScaling scaling) {

    private static final double DEFAULT_THETA = 10_000;
    private static final String ORIGINAL_POSITIONS = "original_max_position_embeddings";

    static RopeFields of(ConfigFields config, int maxPositions) throws ModelException {
        ConfigFields older = config.object("rope_scaling");
        ConfigFields rope = older.isEmpty() ? config.object("rope_parameters") : older;
        for (String layerType : List.of("full_attention", "sliding_attention")) {
            rope.require(layerType, !rope.has(layerType), "rotary settings by type of layer are not supported");
        }
        ConfigFields thetaOwner = rope.has("rope_theta") ? rope : config;
        double theta = thetaOwner.number("rope_theta", DEFAULT_THETA);
        thetaOwner.require("rope_theta", theta > 1, "must be above 1");
        for (ConfigFields fields : List.of(config, rope)) {
            fields.require(
                    "partial_rotary_factor",
                    fields.number("partial_rotary_factor", 1) == 1,
                    "rotary positions over a part of the head are not supported");
        }
        return new RopeFields(theta, scaling(config, rope, maxPositions));
    }

    private static RopeScaling scaling(ConfigFields config, ConfigFields rope, int maxPositions)
            throws ModelException {
        String typeField = rope.has("rope_type") ? "rope_type" : "type";
        String type = rope.text(typeField, "default");
        return switch (type) {
            case "default", "dynamic" -> new RopeScaling.None();
            case "linear" -> new RopeScaling.Linear(rope.number("factor", -1));
            case "llama3" -> llama3(rope, originalPositions(config, rope, maxPositions));
            case "yarn" -> yarn(rope, originalPositions(config, rope, maxPositions), maxPositions);
            default -> {
                rope.require(typeField, false, "supported are: default, dynamic, linear, llama3, yarn");
                throw new AssertionError(type);
            }
        };
    }

    private static int originalPositions(ConfigFields config, ConfigFields rope, int maxPositions)
            throws ModelException {
        return (config.has(ORIGINAL_POSITIONS) ? config : rope).size(ORIGINAL_POSITIONS, maxPositions);
    }

    private static RopeScaling llama3(ConfigFields rope, int originalPositions) throws ModelException {
        double low = rope.number("low_freq_factor", -1);
        double high = rope.number("high_freq_factor", -1);
        rope.require("high_freq_factor", high > low, "must be above low_freq_factor");
        return new RopeScaling.Llama3(rope.number("factor", -1), low, high, originalPositions);
    }

    private static RopeScaling yarn(ConfigFields rope, int originalPositions, int maxPositions)
            throws ModelException {
        double factor = rope.number("factor", (double) maxPositions / originalPositions);
        double scale = rope.has("mscale") && rope.has("mscale_all_dim")
                ? magnitude(factor, rope.number("mscale", 1)) / magnitude(factor, rope.number("mscale_all_dim", 1))
                : magnitude(factor, 1);
        return new RopeScaling.Yarn(
                factor,
                originalPositions,
                rope.number("beta_fast", 32),
                rope.number("beta_slow", 1),
                rope.flag("truncate", true),
                (float) rope.number("attention_factor", scale));
    }

    private static double magnitude(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }
}
