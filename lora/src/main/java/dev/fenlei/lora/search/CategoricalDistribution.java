package dev.fenlei.lora.search;

import java.util.HashSet;
import java.util.List;
import java.util.random.RandomGenerator;
import tools.jackson.databind.JsonNode;

/// One of some choices, without an order.
///
/// @param choices texts, numbers, booleans or nulls, none twice
public record CategoricalDistribution(List<JsonNode> choices) implements Distribution {

    static final int MAX_CHOICES = 1000;

    public CategoricalDistribution {
        choices = List.copyOf(choices);
        if (choices.isEmpty() || choices.size() > MAX_CHOICES) {
            throw new IllegalArgumentException(
                    "there must be 1 to " + MAX_CHOICES + " choices, there are " + choices.size());
        }
        if (!choices.stream().allMatch(JsonNode::isValueNode)) {
            throw new IllegalArgumentException("choices must be texts, numbers, booleans or null");
        }
        if (new HashSet<>(choices).size() < choices.size()) {
            throw new IllegalArgumentException("a choice is there twice");
        }
    }

    @Override
    public boolean single() {
        return choices.size() == 1;
    }

    @Override
    public boolean contains(double internal) {
        return internal >= 0 && internal < choices.size() && internal == Math.rint(internal);
    }

    @Override
    public JsonNode external(double internal) {
        return choices.get((int) internal);
    }

    @Override
    public double uniform(RandomGenerator random) {
        return random.nextInt(choices.size());
    }

    @Override
    public boolean compatible(Distribution other) {
        return equals(other);
    }
}
