package dev.fenlei.lora.search;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.random.RandomGenerator;

/// The parameters of a search and what they may be.
///
/// @param distributions by the parameters' names, in the order in which they are shown
public record SearchSpace(Map<String, Distribution> distributions) {

    static final int MAX_PARAMETERS = 100;

    public SearchSpace {
        distributions = Collections.unmodifiableMap(new LinkedHashMap<>(distributions));
        if (distributions.isEmpty() || distributions.size() > MAX_PARAMETERS) {
            throw new IllegalArgumentException(
                    "a search space has 1 to " + MAX_PARAMETERS + " parameters, not " + distributions.size());
        }
    }

    /// Internal values, all as likely.
    Map<String, Double> uniform(RandomGenerator random) {
        Map<String, Double> values = new LinkedHashMap<>();
        distributions.forEach((name, distribution) -> values.put(name, distribution.uniform(random)));
        return values;
    }

    /// Whether internal values are one point of the space.
    public boolean contains(Map<String, Double> values) {
        return values.keySet().equals(distributions.keySet())
                && values.entrySet().stream().allMatch(value -> contains(value.getKey(), value.getValue()));
    }

    private boolean contains(String name, double value) {
        Distribution distribution = distributions.get(name);
        return distribution != null && distribution.contains(value);
    }
}
