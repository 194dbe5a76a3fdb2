package dev.fenlei.lora.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.lora.testing.Shared;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A journal that Optuna wrote.
class GoldenJournalTest {

    @TempDir
    private Path folder;

    private static JsonNode expected() {
        return JsonMapper.shared().readTree(Shared.golden("optuna/study.json").toFile());
    }

    private static StudyState study() throws IOException {
        return Study.read(Shared.golden("optuna/study.journal"), expected().path("study_name").asString());
    }

    @Test
    void everythingInItIsRead() throws Exception {
        JsonNode expected = expected();
        StudyState study = study();
        assertThat(study.direction()).isEqualTo(Direction.MAXIMIZE);
        assertThat(study.userAttributes().get("task")).isEqualTo(expected.path("user_attrs").path("task"));
        assertThat(study.trials()).hasSize(20);
        Trial best = study.best().orElseThrow();
        assertThat(best.number()).isEqualTo(expected.path("best_trial").asInt());
        assertThat(best.value()).isEqualTo(expected.path("best_value").asDouble());
        for (Trial trial : study.trials()) {
            JsonNode json = expected.path("trials").path(trial.number());
            assertThat(trial.state().name()).isEqualTo(json.path("state").asString());
            assertThat(trial.value()).isEqualTo(json.path("value").isNull() ? null : json.path("value").asDouble());
            assertThat(trial.intermediate()).hasSize(json.path("intermediate_values").size());
            json.path("intermediate_values").forEachEntry((step, value) -> assertThat(
                    trial.intermediate()).containsEntry(Integer.valueOf(step), value.asDouble()));
            assertThat(trial.externalParameters()).hasSize(3);
            json.path("params").forEachEntry((name, value) -> assertThat(
                    Objects.requireNonNull(trial.externalParameters().get(name)).asString())
                    .isEqualTo(value.asString()));
            assertThat(Objects.requireNonNull(trial.userAttributes().get("note")).asString())
                    .isEqualTo("trial " + trial.number());
            assertThat(trial.started()).isNotNull();
            assertThat(trial.completed()).isAfter(trial.started());
        }
    }

    @Test
    void distributionsAreReadAndWrittenAsTheyWere() {
        expected().path("distributions").forEachEntry((name, text) -> {
            Distribution distribution = DistributionJson.read(text.asString());
            assertThat(JsonMapper.shared().readTree(DistributionJson.write(distribution)))
                    .as(name)
                    .isEqualTo(JsonMapper.shared().readTree(text.asString()));
        });
    }

    /// Optuna's median pruner, asked again after each report, with the trials there were at that time.
    @Test
    void theMedianPrunerDecidesAsOptunaDid() throws Exception {
        Pruner pruner = new MedianPruner(8, 2);
        StudyState study = study();
        int judged = 0;
        for (Trial trial : study.trials()) {
            StudyState then = study.withTrials(study.trials().subList(0, trial.number()));
            JsonNode decisions = expected().path("trials").path(trial.number()).path("should_prune_per_step");
            for (int i = 0; i < decisions.size(); i++) {
                var reports = new TreeMap<>(trial.intermediate().headMap(i, true));
                Trial running = new Trial(
                        trial.id(), trial.number(), TrialState.RUNNING, null, trial.parameters(),
                        trial.distributions(), reports, Map.of(), Map.of(), null, null);
                assertThat(pruner.judge(then, running).prune())
                        .as("trial %d, step %d", trial.number(), i)
                        .isEqualTo(decisions.path(i).asBoolean());
                judged++;
            }
        }
        assertThat(judged).isGreaterThan(90);
    }

    /// Whatever part of the last record is missing, all others are there, and the next record repairs the file.
    @Test
    void cuttingTheLastRecordAnywhereLosesOnlyThat() throws Exception {
        byte[] whole = Files.readAllBytes(Shared.golden("optuna/study.journal"));
        int last = new String(whole, StandardCharsets.ISO_8859_1).lastIndexOf('\n', whole.length - 2) + 1;
        Path file = folder.resolve("cut.journal");
        String name = expected().path("study_name").asString();
        for (int length = last; length < whole.length; length++) {
            Files.write(file, java.util.Arrays.copyOf(whole, length));
            StudyState study = Study.read(file, name);
            assertThat(study.trials()).as("cut to %d bytes", length).hasSize(20);
            assertThat(study.trials().get(19).state()).isEqualTo(TrialState.RUNNING);
            assertThat(study.trials().get(18).state()).isEqualTo(TrialState.PRUNED);
            Journal journal = new Journal(file, JournalLock.GRACE_PERIOD);
            journal.exclusively(() -> {
                journal.finish(19, TrialState.COMPLETE, 0.5);
                return null;
            });
            List<String> lines = Files.readAllLines(file);
            assertThat(lines).hasSize(228);
            for (String line : lines) {
                assertThat(JsonMapper.shared().readTree(line).isObject()).isTrue();
            }
            assertThat(Study.read(file, name).trials().get(19).value()).isEqualTo(0.5);
        }
    }

    @Test
    void rubbishInTheMiddleIsNamedByItsLine() throws Exception {
        List<String> lines = new ArrayList<>(Files.readAllLines(Shared.golden("optuna/study.journal")));
        lines.set(4, "{\"op_code\":");
        Path file = folder.resolve("broken.journal");
        Files.write(file, lines);
        assertThatThrownBy(() -> Study.read(file, "x")).isInstanceOf(SearchException.class)
                .hasMessageContaining("line 5 is not JSON");
        lines.set(4, "{\"op_code\":77,\"worker_id\":\"w\"}");
        Files.write(file, lines);
        assertThatThrownBy(() -> Study.read(file, "x")).hasMessageContaining("line 5").hasMessageContaining("77");
        lines.set(4, "{\"op_code\":7,\"worker_id\":\"w\",\"trial_id\":0,\"step\":0}");
        Files.write(file, lines);
        assertThatThrownBy(() -> Study.read(file, "x")).hasMessageContaining("line 5")
                .hasMessageContaining("intermediate_value");
    }
}
