package dev.fenlei.lora.search;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/// Studies in a journal file that Optuna's `JournalStorage` opens, and writes to at the same time. Thread-safe.
///
/// Every change is one record, as Optuna writes it; what the file says when it has been read to its end is true.
final class Journal {

    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSSxxx");

    private final JournalFile file;
    private final Replay replay = new Replay();
    private final String worker = UUID.randomUUID() + "-" + Thread.currentThread().threadId();

    Journal(Path path, Duration gracePeriod) throws IOException {
        this.file = new JournalFile(path, gracePeriod);
        sync();
    }

    Path path() {
        return file.path();
    }

    /// Reads what was appended.
    ///
    /// @throws SearchException naming the line that is no record of a journal
    synchronized void sync() throws IOException {
        for (JournalFile.Line line : file.read()) {
            try {
                replay.apply(line.record());
            } catch (IllegalArgumentException e) {
                throw new SearchException(file.at(line.line()) + "is no record of a study: " + e.getMessage(), e);
            }
        }
    }

    /// Runs an action while no other process can write; everything written before has been read.
    synchronized <T extends @Nullable Object> T exclusively(JournalFile.Action<T> action) throws IOException {
        return file.exclusively(() -> {
            sync();
            return action.run();
        });
    }

    /// The study of a name, as of the last [#sync].
    synchronized Optional<StudyState> study(String name) {
        return replay.study(name);
    }

    synchronized List<String> studyNames() {
        return replay.studyNames();
    }

    /// Within [#exclusively].
    void createStudy(String name, Direction direction, Map<String, JsonNode> userAttributes) throws IOException {
        ObjectNode record = record(Operation.CREATE_STUDY).put("study_name", name);
        record.putArray("directions").add(direction.code());
        append(record);
        int id = study(name).orElseThrow().id();
        for (Map.Entry<String, JsonNode> attribute : userAttributes.entrySet()) {
            ObjectNode set = record(Operation.SET_STUDY_USER_ATTR).put("study_id", id);
            set.putObject("user_attr").set(attribute.getKey(), attribute.getValue());
            append(set);
        }
    }

    /// Makes a running trial with all its parameters, in one record, so that there is never one without. Within
    /// [#exclusively].
    void createTrial(
            int studyId,
            Map<String, Double> parameters,
            Map<String, Distribution> distributions,
            Map<String, JsonNode> systemAttributes)
            throws IOException {
        ObjectNode record = record(Operation.CREATE_TRIAL)
                .put("study_id", studyId)
                .put("datetime_start", now())
                .put("state", TrialState.RUNNING.ordinal())
                .putNull("value")
                .putNull("values");
        ObjectNode kinds = record.putObject("distributions");
        distributions.forEach((name, distribution) -> kinds.put(name, DistributionJson.write(distribution)));
        ObjectNode values = record.putObject("params");
        parameters.forEach((name, value) -> values.set(name, internal(distributions.get(name), value)));
        record.putObject("user_attrs");
        record.putObject("system_attrs").setAll(systemAttributes);
        record.putObject("intermediate_values");
        append(record);
    }

    /// Optuna has indices of choices as whole numbers, all else as floating ones.
    private static JsonNode internal(@Nullable Distribution distribution, double value) {
        return distribution instanceof CategoricalDistribution
                ? JsonNodeFactory.instance.numberNode((int) value)
                : JsonNodeFactory.instance.numberNode(value);
    }

    /// Within [#exclusively].
    void report(int trialId, int step, double value) throws IOException {
        append(ofTrial(Operation.SET_TRIAL_INTERMEDIATE_VALUE, trialId)
                .put("step", step)
                .put("intermediate_value", value));
    }

    /// Within [#exclusively].
    void setUserAttribute(int trialId, String key, JsonNode value) throws IOException {
        ObjectNode record = ofTrial(Operation.SET_TRIAL_USER_ATTR, trialId);
        record.putObject("user_attr").set(key, value);
        append(record);
    }

    /// Within [#exclusively].
    void setSystemAttribute(int trialId, String key, JsonNode value) throws IOException {
        ObjectNode record = ofTrial(Operation.SET_TRIAL_SYSTEM_ATTR, trialId);
        record.putObject("system_attr").set(key, value);
        append(record);
    }

    /// Ends a trial. Within [#exclusively].
    ///
    /// @param value of the objective; null if it has none
    void finish(int trialId, TrialState state, @Nullable Double value) throws IOException {
        ObjectNode record = ofTrial(Operation.SET_TRIAL_STATE_VALUES, trialId).put("state", state.ordinal());
        if (value == null) {
            record.putNull("values");
        } else {
            record.putArray("values").add(value);
        }
        append(record.put("datetime_complete", now()));
    }

    private ObjectNode record(Operation operation) {
        return JsonNodeFactory.instance.objectNode().put("op_code", operation.ordinal()).put("worker_id", worker);
    }

    private ObjectNode ofTrial(Operation operation, int trialId) {
        return record(operation).put("trial_id", trialId);
    }

    private synchronized void append(ObjectNode record) throws IOException {
        file.append(List.of(record));
        sync();
    }

    private static String now() {
        return TIME.format(Instant.now().atOffset(ZoneOffset.UTC));
    }
}
