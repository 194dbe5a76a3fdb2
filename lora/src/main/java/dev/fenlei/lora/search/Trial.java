package dev.fenlei.lora.search;

import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// One try of one point of a search space, as it is at one moment.
///
/// @param id its place among all trials of the journal
/// @param number its place among those of its study, from 0
/// @param value of the objective; null if it has none (yet)
/// @param parameters internal values by name
/// @param distributions by the same names
/// @param intermediate values of the objective on the way, by step
/// @param userAttributes notes, for people
/// @param systemAttributes notes of samplers and pruners
/// @param started null if it is only waiting
/// @param completed null if it is not finished
public record Trial(
        int id,
        int number,
        TrialState state,
        @Nullable Double value,
        Map<String, Double> parameters,
        Map<String, Distribution> distributions,
        NavigableMap<Integer, Double> intermediate,
        Map<String, JsonNode> userAttributes,
        Map<String, JsonNode> systemAttributes,
        @Nullable Instant started,
        @Nullable Instant completed) {

    public Trial {
        parameters = Collections.unmodifiableMap(new LinkedHashMap<>(parameters));
        distributions = Collections.unmodifiableMap(new LinkedHashMap<>(distributions));
        intermediate = Collections.unmodifiableNavigableMap(new TreeMap<>(intermediate));
        userAttributes = Collections.unmodifiableMap(new LinkedHashMap<>(userAttributes));
        systemAttributes = Collections.unmodifiableMap(new LinkedHashMap<>(systemAttributes));
    }

    /// Parameters as the user sees them.
    public Map<String, JsonNode> externalParameters() {
        Map<String, JsonNode> external = new LinkedHashMap<>();
        parameters.forEach((name, value) -> external.put(name, distribution(name).external(value)));
        return external;
    }

    /// The step last reported; null if none was.
    public @Nullable Integer lastStep() {
        return intermediate.isEmpty() ? null : intermediate.lastKey();
    }

    private Distribution distribution(String name) {
        Distribution distribution = distributions.get(name);
        if (distribution == null) {
            throw new IllegalStateException("no distribution of " + name);
        }
        return distribution;
    }

    Trial withState(TrialState state, @Nullable Double value, @Nullable Instant started, @Nullable Instant completed) {
        return new Trial(
                id, number, state, value, parameters, distributions, intermediate, userAttributes, systemAttributes,
                started, completed);
    }

    Trial withParameter(String name, double value, Distribution distribution) {
        return new Trial(
                id, number, state, this.value, with(parameters, name, value), with(distributions, name, distribution),
                intermediate, userAttributes, systemAttributes, started, completed);
    }

    Trial withIntermediate(int step, double value) {
        NavigableMap<Integer, Double> more = new TreeMap<>(intermediate);
        more.put(step, value);
        return new Trial(
                id, number, state, this.value, parameters, distributions, more, userAttributes, systemAttributes,
                started, completed);
    }

    Trial withUserAttributes(Map<String, JsonNode> added) {
        return new Trial(
                id, number, state, value, parameters, distributions, intermediate, with(userAttributes, added),
                systemAttributes, started, completed);
    }

    Trial withSystemAttributes(Map<String, JsonNode> added) {
        return new Trial(
                id, number, state, value, parameters, distributions, intermediate, userAttributes,
                with(systemAttributes, added), started, completed);
    }

    private static <V> Map<String, V> with(Map<String, V> map, String name, V value) {
        return with(map, Map.of(name, value));
    }

    private static <V> Map<String, V> with(Map<String, V> map, Map<String, V> added) {
        Map<String, V> more = new LinkedHashMap<>(map);
        more.putAll(added);
        return more;
    }

    /// Reads one attribute of the system.
    <T> @Nullable T system(String name, Function<JsonNode, T> reader) {
        JsonNode node = systemAttributes.get(name);
        return node == null ? null : reader.apply(node);
    }
}
