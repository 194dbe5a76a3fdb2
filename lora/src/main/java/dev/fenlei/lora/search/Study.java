package dev.fenlei.lora.search;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.BooleanNode;

/// A search for the best point of a space, kept in a journal that several processes and Optuna's tools may share.
/// Thread-safe.
///
/// Each trial is worked on by one process at a time. One that a process left unfinished, because it was killed or asked to stop, is
/// taken up by the next that asks for work.
public final class Study {

    /// The system attribute of trials that can be taken up, as those who work on them hold a claim.
    static final String CLAIMED = "fenlei:claimed";

    private static final Pattern NAME = Pattern.compile("[\\p{L}\\p{N}_-][\\p{L}\\p{N}._-]{0,99}");

    private final Journal journal;
    private final String name;
    private final Path folder;
    private final TrialClaims claims;

    private Study(Journal journal, String name, Path folder) throws IOException {
        this.journal = journal;
        this.name = name;
        this.folder = folder;
        this.claims = new TrialClaims(folder.resolve("claims"));
    }

    /// Opens a study, or begins it.
    ///
    /// @param storage the journal; made if it is not there
    /// @param attributes what all who work on the study must agree upon
    /// @throws SearchException if the file is no journal, or the study was begun with other attributes
    public static Study open(Path storage, String name, Direction direction, Map<String, JsonNode> attributes)
            throws IOException {
        return open(storage, name, direction, attributes, JournalLock.GRACE_PERIOD);
    }

    static Study open(
            Path storage, String name, Direction direction, Map<String, JsonNode> attributes, Duration gracePeriod)
            throws IOException {
        if (!NAME.matcher(name).matches()) {
            throw new SearchException("a study's name is made of up to 100 letters, digits, '.', '_' and '-', not '"
                    + name + "'");
        }
        Journal journal = new Journal(storage, gracePeriod);
        journal.exclusively(() -> {
            if (journal.study(name).isEmpty()) {
                journal.createStudy(name, direction, attributes);
            }
            return null;
        });
        Study study = new Study(journal, name, folder(storage, name));
        study.requireAgreement(direction, attributes);
        return study;
    }

    /// A study as it is in a journal, which is not changed.
    ///
    /// @throws SearchException if the file is no journal or has no such study
    public static StudyState read(Path storage, String name) throws IOException {
        if (!Files.exists(storage)) {
            throw new SearchException(storage + " does not exist");
        }
        Journal journal = new Journal(storage, JournalLock.GRACE_PERIOD);
        return journal.study(name).orElseThrow(() -> new SearchException(
                storage + " has no study '" + name + "'; it has " + journal.studyNames()));
    }

    /// Where the files of a study lie, beside its journal: `search.journal` has them in `search.studies/NAME`.
    public static Path folder(Path storage, String name) {
        String file = storage.getFileName().toString();
        int dot = file.lastIndexOf('.');
        return storage.resolveSibling((dot > 0 ? file.substring(0, dot) : file) + ".studies").resolve(name);
    }

    /// Where the files of a trial lie.
    ///
    /// @param folder of the study
    public static Path trialFolder(Path folder, int number) {
        return folder.resolve(String.format(Locale.ROOT, "trial-%04d", number));
    }

    private void requireAgreement(Direction direction, Map<String, JsonNode> attributes) {
        StudyState state = known();
        if (state.direction() != direction) {
            throw new SearchException(where() + " is to " + state.direction() + " its objective, not to " + direction
                    + "; choose another --study");
        }
        attributes.forEach((key, value) -> {
            JsonNode begun = state.userAttributes().get(key);
            if (!value.equals(begun)) {
                throw new SearchException(where() + " was begun with " + key + " " + begun + ", which is now " + value
                        + "; give what it was begun with, or choose another --study");
            }
        });
    }

    private String where() {
        return "study '" + name + "' in " + journal.path();
    }

    private StudyState known() {
        return journal.study(name).orElseThrow(() -> new SearchException(where() + " has been deleted"));
    }

    /// The study as it is now.
    public StudyState state() throws IOException {
        journal.sync();
        return known();
    }

    /// Where its files lie.
    public Path folder() {
        return folder;
    }

    /// A trial to work on: one that was left unfinished, or else a new one.
    ///
    /// @param limit of the number of trials in the study, those that were pruned or failed included
    /// @return empty if there are as many, or nothing is left to try
    /// @throws SearchException if the study has had a parameter of the same name but another kind
    public Optional<ActiveTrial> next(SearchSpace space, Sampler sampler, Pruner pruner, int limit)
            throws IOException {
        return journal.exclusively(() -> {
            StudyState state = known();
            for (Trial trial : state.trials(TrialState.RUNNING)) {
                Optional<TrialClaims.Claim> claim = trial.systemAttributes().containsKey(CLAIMED)
                        ? claims.tryClaim(trial.number())
                        : Optional.empty();
                if (claim.isPresent()) {
                    return Optional.of(new ActiveTrial(this, trial, pruner, claim.get(), true));
                }
            }
            int number = state.trials().size();
            if (number - state.trials(TrialState.WAITING).size() >= limit) {
                return Optional.empty();
            }
            requireCompatible(state, space);
            Optional<Map<String, Double>> point = sampler.sample(space, state, number);
            if (point.isEmpty()) {
                return Optional.empty();
            }
            return Optional.of(create(state, space, point.get(), pruner));
        });
    }

    private ActiveTrial create(StudyState state, SearchSpace space, Map<String, Double> point, Pruner pruner)
            throws IOException {
        int number = state.trials().size();
        TrialClaims.Claim claim = claims.tryClaim(number)
                .orElseThrow(() -> new SearchException(
                        "trial " + number + " of " + where() + " is worked on although it does not exist: "
                                + folder + " belongs to another journal"));
        try {
            journal.createTrial(state.id(), point, space.distributions(), Map.of(CLAIMED, BooleanNode.TRUE));
            return new ActiveTrial(this, known().trials().get(number), pruner, claim, false);
        } catch (IOException | RuntimeException e) {
            claim.close();
            throw e;
        }
    }

    private void requireCompatible(StudyState state, SearchSpace space) {
        Map<String, Distribution> first = new LinkedHashMap<>();
        state.trials().forEach(trial -> trial.distributions().forEach(first::putIfAbsent));
        space.distributions().forEach((parameter, distribution) -> {
            Distribution earlier = first.get(parameter);
            if (earlier != null && !earlier.compatible(distribution)) {
                throw new SearchException("the parameter '" + parameter + "' of " + where() + " was "
                        + DistributionJson.write(earlier) + " and cannot become "
                        + DistributionJson.write(distribution) + "; choose another --study");
            }
        });
    }

    /// Notes what a trial has at a step, and asks the pruner.
    ///
    /// @return whether to go on with it
    boolean report(int number, Pruner pruner, int step, double value) throws IOException {
        return journal.exclusively(() -> {
            if (!running(number)) {
                return false;
            }
            int id = known().trials().get(number).id();
            journal.report(id, step, value);
            StudyState state = known();
            Pruner.Verdict verdict = pruner.judge(state, state.trials().get(number));
            for (Map.Entry<String, Double> attribute : verdict.attributes().entrySet()) {
                journal.setSystemAttribute(
                        id, attribute.getKey(), JournalFile.JSON.getNodeFactory().numberNode(attribute.getValue()));
            }
            return !verdict.prune();
        });
    }

    /// Ends a trial, unless another tool has.
    void finish(int number, TrialState end, @Nullable Double value,
            Map<String, JsonNode> userAttributes) throws IOException {
        journal.exclusively(() -> {
            if (running(number)) {
                int id = known().trials().get(number).id();
                for (Map.Entry<String, JsonNode> attribute : userAttributes.entrySet()) {
                    journal.setUserAttribute(id, attribute.getKey(), attribute.getValue());
                }
                journal.finish(id, end, value);
            }
            return null;
        });
    }

    private boolean running(int number) {
        return known().trials().get(number).state() == TrialState.RUNNING;
    }
}
