package dev.fenlei.cli.commands;

import dev.fenlei.cli.Interruption;
import dev.fenlei.cli.Progress;
import dev.fenlei.lora.run.FineTuning;
import dev.fenlei.lora.run.ValidationScore;
import dev.fenlei.lora.train.Trainer;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/// Shows a person how a training goes, and lets it be interrupted.
final class TrainingDisplay implements FineTuning.Observer, AutoCloseable {

    /// Makes a bar.
    @FunctionalInterface
    interface Bars {
        Progress of(String label, long total, String unit);
    }

    private final Consumer<String> says;
    private final Bars bars;
    private final Interruption interruption;
    private @Nullable Progress bar;

    TrainingDisplay(Consumer<String> says, Bars bars, Interruption interruption) {
        this.says = says;
        this.bars = bars;
        this.interruption = interruption;
    }

    /// Training begins, or goes on after `done` steps.
    void start(int done, int total) {
        if (done > 0) {
            says.accept("going on after step " + done + " of " + total);
        }
        bar = bars.of("training", total - done, "steps");
    }

    @Override
    public boolean onStep(Trainer.Step step, double tokensPerSecond) {
        if (bar != null) {
            bar.note(String.format(
                    Locale.ROOT, "epoch %.2f  loss %.4f  lr %.2e  %,.0f tokens/s", step.epoch(), step.loss(),
                    step.learningRate(), tokensPerSecond));
            bar.advance(1);
        }
        return !interruption.requested();
    }

    @Override
    public IntConsumer onValidationStart(int rows) {
        return _ -> interruption.throwIfRequested();
    }

    @Override
    public boolean onValidation(ValidationScore score, boolean best) {
        onMessage(String.format(
                Locale.ROOT, "step %d: validation accuracy %.4f, macro F1 %.4f, NLL %.4f%s",
                score.step(), score.accuracy(), score.macroF1(), score.nll(), best ? " (best so far)" : ""));
        return true;
    }

    @Override
    public void onMessage(String message) {
        if (bar == null) {
            says.accept(message);
        } else {
            bar.message(message);
        }
    }

    @Override
    public void close() {
        if (bar != null) {
            bar.close();
            bar = null;
        }
    }
}
