package dev.fenlei.lora.search;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.StringNode;

/// A trial that this process works on, until it is closed. One that is closed without having been ended will be taken up again.
public final class ActiveTrial implements AutoCloseable {

    private final Study study;
    private final Trial trial;
    private final Pruner pruner;
    private final TrialClaims.Claim claim;
    private final boolean resumed;
    private @Nullable Double lastReport;

    ActiveTrial(Study study, Trial trial, Pruner pruner, TrialClaims.Claim claim, boolean resumed) {
        this.study = study;
        this.trial = trial;
        this.pruner = pruner;
        this.claim = claim;
        this.resumed = resumed;
        this.lastReport = trial.intermediate().isEmpty() ? null : trial.intermediate().lastEntry().getValue();
    }

    /// Its number in the study, from 0.
    public int number() {
        return trial.number();
    }

    /// What to try.
    public Map<String, JsonNode> parameters() {
        return trial.externalParameters();
    }

    /// Whether it was begun before.
    public boolean resumed() {
        return resumed;
    }

    /// Where its files lie.
    public Path folder() {
        return Study.trialFolder(study.folder(), number());
    }

    /// Notes the value of the objective on the way.
    ///
    /// @param step grows, and means the same in all trials of the study
    /// @return whether to go on; if not, [#prune] is to follow
    public boolean report(int step, double value) throws IOException {
        lastReport = value;
        return study.report(number(), pruner, step, value);
    }

    /// The trial has run to its end.
    ///
    /// @param attributes notes, for people
    /// @throws IllegalArgumentException if the value is no number
    public void complete(double value, Map<String, JsonNode> attributes) throws IOException {
        if (Double.isNaN(value)) {
            throw new IllegalArgumentException("the value of the objective is no number");
        }
        study.finish(number(), TrialState.COMPLETE, value, attributes);
    }

    /// The trial has been given up; its value is the last report, as in Optuna.
    public void prune(Map<String, JsonNode> attributes) throws IOException {
        Double value = lastReport == null || lastReport.isNaN() ? null : lastReport;
        study.finish(number(), TrialState.PRUNED, value, attributes);
    }

    /// The trial cannot go on.
    public void fail(String reason) throws IOException {
        study.finish(number(), TrialState.FAIL, null, Map.of("error", StringNode.valueOf(reason)));
    }

    /// Lets others have it, if it has not ended.
    @Override
    public void close() throws IOException {
        claim.close();
    }
}
