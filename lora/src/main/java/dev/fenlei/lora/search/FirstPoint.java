package dev.fenlei.lora.search;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// Begins a study with a point that is known to be good, so that what is found is never worse.
///
/// @param point internal values of all parameters
/// @param then chooses all later points
public record FirstPoint(Map<String, Double> point, Sampler then) implements Sampler {

    public FirstPoint {
        point = Collections.unmodifiableMap(new LinkedHashMap<>(point));
    }

    @Override
    public Optional<Map<String, Double>> sample(SearchSpace space, StudyState study, int number) {
        return number == 0 ? Optional.of(point) : then.sample(space, study, number);
    }
}
