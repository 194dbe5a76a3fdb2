package dev.fenlei.lora.search;

import java.time.Instant;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.time.temporal.TemporalAccessor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// What the records of a journal add up to. Records that come too late, such as those about a finished trial, count for
/// nothing, as in Optuna: of two processes that disagree the first in the file is right.
final class Replay {

    private static final class StudyRecord {
        final int id;
        final String name;
        final List<Integer> directions;
        final Map<String, JsonNode> userAttributes = new LinkedHashMap<>();
        final List<Integer> trials = new ArrayList<>();

        StudyRecord(int id, String name, List<Integer> directions) {
            this.id = id;
            this.name = name;
            this.directions = directions;
        }
    }

    private final Map<Integer, StudyRecord> studies = new LinkedHashMap<>();
    private final List<Trial> trials = new ArrayList<>();
    private final List<Integer> studyOfTrial = new ArrayList<>();
    private int nextStudy;

    /// Takes one record into account.
    ///
    /// @throws IllegalArgumentException if it is none
    void apply(JsonNode record) {
        int code = integer(record, "op_code");
        if (code < 0 || code >= Operation.values().length) {
            throw new IllegalArgumentException("unknown op_code " + code);
        }
        switch (Operation.values()[code]) {
            case CREATE_STUDY -> createStudy(record);
            case DELETE_STUDY -> studies.remove(integer(record, "study_id"));
            case SET_STUDY_USER_ATTR -> {
                StudyRecord study = studies.get(integer(record, "study_id"));
                if (study != null) {
                    study.userAttributes.putAll(object(record.path("user_attr")));
                }
            }
            case CREATE_TRIAL -> createTrial(record);
            case SET_TRIAL_PARAM -> setParameter(record);
            case SET_TRIAL_STATE_VALUES -> setState(record);
            case SET_TRIAL_INTERMEDIATE_VALUE -> {
                Trial trial = unfinished(record);
                if (trial != null) {
                    update(trial.withIntermediate(integer(record, "step"), number(record, "intermediate_value")));
                }
            }
            case SET_TRIAL_USER_ATTR -> {
                Trial trial = unfinished(record);
                if (trial != null) {
                    update(trial.withUserAttributes(object(record.path("user_attr"))));
                }
            }
            case SET_TRIAL_SYSTEM_ATTR -> {
                Trial trial = unfinished(record);
                if (trial != null) {
                    update(trial.withSystemAttributes(object(record.path("system_attr"))));
                }
            }
            case SET_STUDY_SYSTEM_ATTR, DISCARD_TRIALS -> {
                // nothing here depends on them
            }
        }
    }

    /// The study of a name.
    ///
    /// @throws SearchException if it has several objectives
    Optional<StudyState> study(String name) {
        return studies.values().stream().filter(study -> study.name.equals(name)).findFirst().map(this::state);
    }

    List<String> studyNames() {
        return studies.values().stream().map(study -> study.name).toList();
    }

    private StudyState state(StudyRecord study) {
        if (study.directions.size() != 1) {
            throw new SearchException(
                    "study '" + study.name + "' has " + study.directions.size() + " objectives; only one is supported");
        }
        int direction = study.directions.getFirst();
        return new StudyState(
                study.id,
                study.name,
                // A study for which Optuna was told no direction minimizes.
                direction == 0 ? Direction.MINIMIZE : Direction.ofCode(direction),
                study.userAttributes,
                study.trials.stream().map(trials::get).toList());
    }

    private void createStudy(JsonNode record) {
        String name = text(record, "study_name");
        if (studyNames().contains(name)) {
            return;
        }
        List<Integer> directions = new ArrayList<>();
        record.path("directions").forEach(direction -> directions.add(direction.asInt(-1)));
        studies.put(nextStudy, new StudyRecord(nextStudy, name, directions));
        nextStudy++;
    }

    private void createTrial(JsonNode record) {
        int studyId = integer(record, "study_id");
        StudyRecord study = studies.get(studyId);
        if (study == null) {
            return;
        }
        Map<String, Distribution> distributions = new LinkedHashMap<>();
        record.path("distributions").forEachEntry(
                (name, json) -> distributions.put(name, DistributionJson.read(json.asString(""))));
        Map<String, Double> parameters = new LinkedHashMap<>();
        record.path("params").forEachEntry((name, json) -> {
            if (!distributions.containsKey(name)) {
                throw new IllegalArgumentException("the parameter '" + name + "' has no distribution");
            }
            parameters.put(name, json.asDouble());
        });
        NavigableMap<Integer, Double> intermediate = new TreeMap<>();
        record.path("intermediate_values").forEachEntry(
                (step, json) -> intermediate.put(Integer.valueOf(step), json.asDouble()));
        JsonNode value = record.path("value").isNumber() ? record.path("value") : record.path("values").path(0);
        trials.add(new Trial(
                trials.size(),
                study.trials.size(),
                TrialState.ofCode(record.path("state").asInt(TrialState.RUNNING.ordinal())),
                value.isNumber() ? (Double) value.asDouble() : null,
                parameters,
                distributions,
                intermediate,
                object(record.path("user_attrs")),
                object(record.path("system_attrs")),
                instant(record, "datetime_start"),
                instant(record, "datetime_complete")));
        study.trials.add(trials.size() - 1);
        studyOfTrial.add(studyId);
    }

    private void setParameter(JsonNode record) {
        Trial trial = unfinished(record);
        if (trial == null) {
            return;
        }
        String name = text(record, "param_name");
        Distribution distribution = DistributionJson.read(text(record, "distribution"));
        Distribution earlier = firstDistribution(studies.get(studyOfTrial.get(trial.id())), name);
        if (earlier == null || earlier.compatible(distribution)) {
            update(trial.withParameter(name, number(record, "param_value_internal"), distribution));
        }
    }

    private @Nullable Distribution firstDistribution(@Nullable StudyRecord study, String name) {
        if (study == null) {
            return null;
        }
        for (int id : study.trials) {
            Distribution distribution = trials.get(id).distributions().get(name);
            if (distribution != null) {
                return distribution;
            }
        }
        return null;
    }

    private void setState(JsonNode record) {
        Trial trial = unfinished(record);
        if (trial == null) {
            return;
        }
        TrialState state = TrialState.ofCode(integer(record, "state"));
        if (state == TrialState.RUNNING && trial.state() == TrialState.RUNNING) {
            return;
        }
        JsonNode value = record.path("values").path(0);
        update(trial.withState(
                state,
                value.isNumber() ? (Double) value.asDouble() : trial.value(),
                state == TrialState.RUNNING ? instant(record, "datetime_start") : trial.started(),
                state.finished() ? instant(record, "datetime_complete") : trial.completed()));
    }

    /// The trial of a record; null if there is none, or nothing about it can change any more.
    private @Nullable Trial unfinished(JsonNode record) {
        int id = integer(record, "trial_id");
        return id < 0 || id >= trials.size() || trials.get(id).state().finished() ? null : trials.get(id);
    }

    private void update(Trial trial) {
        trials.set(trial.id(), trial);
    }

    private static Map<String, JsonNode> object(JsonNode node) {
        Map<String, JsonNode> map = new LinkedHashMap<>();
        node.forEachEntry(map::put);
        return map;
    }

    private static int integer(JsonNode record, String field) {
        JsonNode node = record.path(field);
        if (!node.isInt()) {
            throw new IllegalArgumentException("'" + field + "' must be a whole number, it is " + node);
        }
        return node.intValue();
    }

    private static double number(JsonNode record, String field) {
        JsonNode node = record.path(field);
        if (!node.isNumber()) {
            throw new IllegalArgumentException("'" + field + "' must be a number, it is " + node);
        }
        return node.doubleValue();
    }

    private static String text(JsonNode record, String field) {
        JsonNode node = record.path(field);
        if (!node.isString()) {
            throw new IllegalArgumentException("'" + field + "' must be a text, it is " + node);
        }
        return node.stringValue();
    }

    private static @Nullable Instant instant(JsonNode record, String field) {
        if (!record.path(field).isString()) {
            return null;
        }
        try {
            TemporalAccessor time = DateTimeFormatter.ISO_DATE_TIME
                    .parseBest(record.path(field).stringValue(), OffsetDateTime::from, LocalDateTime::from);
            return time instanceof LocalDateTime local // as Optuna wrote it before 4.0
                    ? local.atZone(ZoneId.systemDefault()).toInstant()
                    : Instant.from(time);
        } catch (DateTimeParseException e) {
            throw new IllegalArgumentException("'" + field + "' is no time: " + record.path(field), e);
        }
    }
}
