package dev.fenlei.cli.commands;

import dev.fenlei.cli.Progress;
import dev.fenlei.lora.search.ActiveTrial;
import dev.fenlei.lora.search.Direction;
import dev.fenlei.lora.train.Trainer;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Shows a person how a search goes: a bar over the trials, and a line for each that begins or ends. Thread-safe.
final class SearchDisplay implements AutoCloseable {

    private final Progress bar;
    private final Direction direction;
    private @Nullable Double best;

    /// @param bar over the trials that are still to come
    /// @param best value so far, if there is one
    SearchDisplay(Progress bar, Direction direction, @Nullable Double best) {
        this.bar = bar;
        this.direction = direction;
        this.best = best;
    }

    synchronized void say(String message) {
        bar.message(message);
    }

    synchronized void begins(ActiveTrial trial, int done, int total) {
        bar.message(String.format(
                Locale.ROOT, "trial %d: %s%s", trial.number(), describe(trial.parameters()),
                done > 0 ? ", going on after step " + done + " of " + total : ""));
    }

    static String describe(Map<String, JsonNode> parameters) {
        return parameters.entrySet().stream()
                .map(parameter -> parameter.getKey() + " " + (parameter.getValue().isFloatingPointNumber()
                        ? String.format(Locale.ROOT, "%.4g", parameter.getValue().doubleValue())
                        : parameter.getValue().asString()))
                .collect(Collectors.joining(", "));
    }

    synchronized void step(ActiveTrial trial, Trainer.Step step, double tokensPerSecond) {
        bar.note(String.format(
                Locale.ROOT, "trial %d: step %d of %d, loss %.4f, %,.0f tokens/s%s", trial.number(), step.step(),
                step.totalSteps(), step.loss(), tokensPerSecond,
                best == null ? "" : String.format(Locale.ROOT, ", best %.4f", best)));
        bar.advance(0);
    }

    synchronized void completed(ActiveTrial trial, double value) {
        boolean better = best == null || direction.better(value, best);
        if (better) {
            best = value;
        }
        ended(trial, String.format(Locale.ROOT, "%.4f%s", value, better ? " (best so far)" : ""));
    }

    synchronized void pruned(ActiveTrial trial, double value) {
        ended(trial, String.format(Locale.ROOT, "pruned at %.4f", value));
    }

    synchronized void failed(ActiveTrial trial, String why) {
        ended(trial, "failed: " + why);
    }

    private void ended(ActiveTrial trial, String how) {
        bar.message("trial " + trial.number() + ": " + how);
        bar.advance(1);
    }

    @Override
    public synchronized void close() {
        bar.close();
    }
}
