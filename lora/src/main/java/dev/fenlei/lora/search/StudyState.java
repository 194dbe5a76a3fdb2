package dev.fenlei.lora.search;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// A study as it is at one moment.
///
/// @param id its place in the journal
/// @param trials in the order of their numbers
public record StudyState(
        int id, String name, Direction direction, Map<String, JsonNode> userAttributes, List<Trial> trials) {

    public StudyState {
        userAttributes = Collections.unmodifiableMap(new LinkedHashMap<>(userAttributes));
        trials = List.copyOf(trials);
    }

    /// Its trials in one state.
    public List<Trial> trials(TrialState state) {
        return trials.stream().filter(trial -> trial.state() == state).toList();
    }

    /// The complete trial with the best value; of several alike the first.
    public Optional<Trial> best() {
        Trial best = null;
        for (Trial trial : trials(TrialState.COMPLETE)) {
            if (best == null || direction.compare(value(trial), value(best)) < 0) {
                best = trial;
            }
        }
        return Optional.ofNullable(best);
    }

    private static double value(@Nullable Trial trial) {
        return trial == null || trial.value() == null ? Double.NaN : trial.value();
    }

    StudyState withTrials(List<Trial> chosen) {
        return new StudyState(id, name, direction, userAttributes, chosen);
    }
}
