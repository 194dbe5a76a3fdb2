package dev.fenlei.cli.commands;

import dev.fenlei.lora.search.CategoricalDistribution;
import dev.fenlei.lora.search.Distribution;
import dev.fenlei.lora.search.RangeDistribution;
import dev.fenlei.lora.search.SearchSpace;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.IntNode;

/// What is searched when no space is given, and where `train` would be in a space.
final class DefaultSpace {

    private DefaultSpace() {}

    /// Of the reference recipe the usual space; of that for small models one around its own values, without the smallest batches:
    /// a step of a small model takes as long with two texts as with four.
    static SearchSpace of(Recipe recipe) {
        boolean small = recipe.equals(Recipe.SMALL);
        Map<String, Distribution> space = new LinkedHashMap<>();
        space.put("lora_r", small ? RangeDistribution.integers(8, 32) : RangeDistribution.integers(4, 16));
        space.put("lora_alpha", RangeDistribution.integers(16, 64));
        space.put(
                "learning_rate",
                small ? RangeDistribution.logFloats(1e-3, 4e-3) : RangeDistribution.logFloats(1e-5, 1e-3));
        space.put("batch_size", new CategoricalDistribution((small ? IntStream.of(4, 8) : IntStream.of(2, 4, 8))
                .<JsonNode>mapToObj(IntNode::valueOf)
                .toList()));
        return new SearchSpace(space);
    }

    /// The point that `train` would use; empty if it is not in the space.
    static Optional<Map<String, Double>> point(SearchSpace space, Recipe recipe) {
        Map<String, String> defaults = TrialOptions.defaults(recipe);
        Map<String, Double> point = new LinkedHashMap<>();
        space.distributions().forEach((name, distribution) -> {
            String value = defaults.get(String.valueOf(TrialOptions.option(name)));
            if (value != null) {
                internal(distribution, value).ifPresent(internal -> point.put(name, internal));
            }
        });
        return space.contains(point) ? Optional.of(point) : Optional.empty();
    }

    private static Optional<Double> internal(Distribution distribution, String value) {
        return switch (distribution) {
            case RangeDistribution _ -> number(value);
            case CategoricalDistribution categorical -> {
                for (int i = 0; i < categorical.choices().size(); i++) {
                    if (same(categorical.choices().get(i).asString(), value)) {
                        yield Optional.of((double) i);
                    }
                }
                yield Optional.empty();
            }
        };
    }

    /// As numbers, if they are: 32 and 32.0 are the same.
    private static boolean same(String first, String second) {
        Optional<Double> number = number(first);
        return number.isPresent() ? number.equals(number(second)) : first.equalsIgnoreCase(second);
    }

    private static Optional<Double> number(String text) {
        try {
            return Optional.of(Double.valueOf(text));
        } catch (NumberFormatException e) {
            return Optional.empty();
        }
    }
}
