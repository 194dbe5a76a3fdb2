package dev.fenlei.lora.search;

import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Distributions as text, in the form of Optuna's `distribution_to_json`:
/// `{"name": "FloatDistribution", "attributes": {"step": null, "low": 1e-05, "high": 0.01, "log": true}}`.
final class DistributionJson {

    private DistributionJson() {}

    static String write(Distribution distribution) {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        switch (distribution) {
            case CategoricalDistribution categorical -> {
                json.put("name", "CategoricalDistribution");
                json.putObject("attributes").putArray("choices").addAll(categorical.choices());
            }
            case RangeDistribution range when range.integer() -> {
                json.put("name", "IntDistribution");
                json.putObject("attributes")
                        .put("log", range.log())
                        .put("step", (long) range.step())
                        .put("low", (long) range.low())
                        .put("high", (long) range.high());
            }
            case RangeDistribution range -> {
                json.put("name", "FloatDistribution");
                json.putObject("attributes")
                        .put("step", range.step() == 0 ? null : (Double) range.step())
                        .put("low", range.low())
                        .put("high", range.high())
                        .put("log", range.log());
            }
        }
        return JournalFile.JSON.writeValueAsString(json);
    }

    /// Reads what [#write] or any Optuna since 1.0 writes.
    ///
    /// @throws IllegalArgumentException if it is something else
    static Distribution read(String text) {
        JsonNode json;
        try {
            json = JournalFile.JSON.readTree(text);
        } catch (JacksonException e) {
            throw new IllegalArgumentException("a distribution is not JSON: " + text, e);
        }
        JsonNode attributes = json.path("attributes");
        String name = json.path("name").asString("");
        return switch (name) {
            case "CategoricalDistribution" -> new CategoricalDistribution(
                    List.copyOf(attributes.path("choices").values()));
            case "FloatDistribution" -> range(
                    attributes, false, attributes.path("step").asDouble(0), attributes.path("log").asBoolean(false));
            case "UniformDistribution" -> range(attributes, false, 0, false);
            case "LogUniformDistribution" -> range(attributes, false, 0, true);
            case "DiscreteUniformDistribution" -> range(attributes, false, number(attributes, "q"), false);
            case "IntDistribution", "IntUniformDistribution" -> range(
                    attributes, true, attributes.path("step").asDouble(1), attributes.path("log").asBoolean(false));
            case "IntLogUniformDistribution" -> range(attributes, true, 1, true);
            default -> throw new IllegalArgumentException("unknown distribution: " + text);
        };
    }

    private static Distribution range(JsonNode attributes, boolean integer, double step, boolean log) {
        return new RangeDistribution(integer, number(attributes, "low"), number(attributes, "high"), step, log);
    }

    private static double number(JsonNode attributes, String name) {
        if (!attributes.path(name).isNumber()) {
            throw new IllegalArgumentException("a distribution has no number '" + name + "': " + attributes);
        }
        return attributes.path(name).asDouble();
    }
}
