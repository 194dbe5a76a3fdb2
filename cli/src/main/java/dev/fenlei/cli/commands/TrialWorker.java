package dev.fenlei.cli.commands;

import dev.fenlei.cli.InterruptedCommandException;
import dev.fenlei.cli.Interruption;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.AdapterException;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.run.ClassificationTask;
import dev.fenlei.lora.run.FineTuning;
import dev.fenlei.lora.run.RunFolder;
import dev.fenlei.lora.run.RunPlan;
import dev.fenlei.lora.run.RunStatus;
import dev.fenlei.lora.run.ValidationScore;
import dev.fenlei.lora.search.ActiveTrial;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingException;
import dev.fenlei.lora.train.TrainingSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntConsumer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// Trains one trial after another on one model, whose weights stay.
final class TrialWorker {

    /// What all trials of a search have in common.
    ///
    /// @param common options of `train` that are the same in all trials, such as `--epochs=2` and `--candidates=all`
    /// @param reportsPerEpoch validations per epoch; 0 where the run options say when to validate
    /// @param settings what `run.json` of a trial says, given what differs
    record Terms(
            Path model,
            Path data,
            ClassificationTask task,
            Recipe recipe,
            RunOptions runOptions,
            int reportsPerEpoch,
            List<String> common,
            SettingsOf settings) {

        /// The options of a trial.
        TrialOptions options(Map<String, JsonNode> parameters) {
            List<String> arguments = new ArrayList<>(common.stream().filter(TrialOptions::isOne).toList());
            arguments.addAll(TrialOptions.arguments(parameters));
            return TrialOptions.parse(arguments);
        }

        /// All options with which `train` would do the same as a trial.
        List<String> arguments(Map<String, JsonNode> parameters, RunPlan plan) {
            List<String> arguments = new ArrayList<>(List.of("--model=" + model, "--data=" + data));
            arguments.addAll(common);
            arguments.addAll(TrialOptions.arguments(parameters));
            arguments.add("--eval-steps=" + plan.evalSteps());
            return arguments;
        }
    }

    /// Says what a run was trained with.
    @FunctionalInterface
    interface SettingsOf {
        Map<String, Object> of(TrainingSettings settings, RunPlan plan, LoraConfig lora, Backend backend);
    }

    private final Terms terms;
    private final Backend backend;
    private final Decoder decoder;
    private final SearchDisplay display;
    private final Interruption interruption;

    TrialWorker(
            Terms terms, Backend backend, Decoder decoder, SearchDisplay display, Interruption interruption) {
        this.terms = terms;
        this.backend = backend;
        this.decoder = decoder;
        this.display = display;
        this.interruption = interruption;
    }

    /// Trains a trial to its end. What is wrong with its parameters makes the trial fail, anything else is thrown and leaves it
    /// unfinished.
    ///
    /// @throws InterruptedCommandException if the user has asked to stop; the trial can be gone on with
    void work(ActiveTrial trial) throws IOException {
        try (Backend.Scope _ = backend.newScope()) {
            train(trial);
        } catch (TrainingException | AdapterException | UserErrorException | IllegalArgumentException e) {
            trial.fail(String.valueOf(e.getMessage()));
            display.failed(trial, String.valueOf(e.getMessage()));
        } catch (OutOfMemoryError e) {
            trial.fail("not enough memory: " + e.getMessage());
            display.failed(trial, "not enough memory");
        } catch (UncheckedIOException e) {
            throw e.getCause();
        } finally {
            decoder.restore();
        }
    }

    private void train(ActiveTrial trial) throws IOException {
        TrialOptions options = terms.options(trial.parameters());
        LoraConfig lora = options.lora(terms.model(), terms.recipe());
        int examples = terms.task().data().train().size();
        TrainingSettings settings = options.settings(examples, terms.recipe());
        RunPlan plan = terms.reportsPerEpoch() == 0
                ? terms.runOptions().plan()
                : terms.runOptions().plan(
                        Math.max(1, Math.round((float) settings.stepsPerEpoch(examples) / terms.reportsPerEpoch())));
        Adapter adapter = Adapter.create(decoder, lora, settings.seed());
        boolean begun = Files.exists(trial.folder().resolve("run.json"));
        try (RunFolder run = begun ? RunFolder.open(trial.folder()) : RunFolder.create(trial.folder())) {
            if (!begun) {
                run.writeRun(
                        terms.settings().of(settings, plan, lora, backend), terms.arguments(trial.parameters(), plan),
                        terms.model(), terms.data());
            }
            try {
                FineTuning tuning = new FineTuning(
                        terms.task(), decoder, adapter, settings, plan, run,
                        new Observer(trial, settings.totalSteps(examples)));
                display.begins(trial, tuning.steps(), tuning.totalSteps());
                end(trial, tuning.run(), run);
            } catch (InterruptedCommandException e) {
                run.heartbeat().phase(RunStatus.Phase.INTERRUPTED, null);
                throw e;
            } catch (TrainingException e) {
                run.heartbeat().phase(RunStatus.Phase.FAILED, e.getMessage());
                throw e;
            }
        }
    }

    private void end(ActiveTrial trial, FineTuning.Result result, RunFolder run) throws IOException {
        if (result.end() == FineTuning.End.INTERRUPTED) {
            throw new InterruptedCommandException();
        }
        ValidationScore best = Objects.requireNonNull(result.best(), "there is validation data");
        if (result.end() == FineTuning.End.PRUNED) {
            trial.prune(notes(result.scores().getLast()));
            display.pruned(trial, terms.runOptions().plan().metric().of(result.scores().getLast()));
        } else {
            double value = terms.runOptions().plan().metric().of(best);
            trial.complete(value, notes(best));
            display.completed(trial, value);
        }
        run.heartbeat().phase(RunStatus.Phase.FINISHED, null);
        run.checkpoints().prune(0, _ -> false); // there is nothing to go on with
    }

    private static Map<String, JsonNode> notes(ValidationScore score) {
        JsonNodeFactory json = JsonNodeFactory.instance;
        Map<String, JsonNode> notes = new LinkedHashMap<>();
        notes.put("best_step", json.numberNode(score.step()));
        notes.put("validation_accuracy", json.numberNode(score.accuracy()));
        notes.put("validation_macro_f1", json.numberNode(score.macroF1()));
        notes.put("validation_nll", json.numberNode(score.nll()));
        return notes;
    }

    /// Reports validations to the study, and shows how it goes.
    private final class Observer implements FineTuning.Observer {

        private final ActiveTrial trial;
        private final int totalSteps;

        Observer(ActiveTrial trial, int totalSteps) {
            this.trial = trial;
            this.totalSteps = totalSteps;
        }

        @Override
        public boolean onStep(Trainer.Step step, double tokensPerSecond) {
            display.step(trial, step, tokensPerSecond);
            return !interruption.requested();
        }

        @Override
        public IntConsumer onValidationStart(int rows) {
            return _ -> interruption.throwIfRequested();
        }

        @Override
        public boolean onValidation(ValidationScore score, boolean best) {
            try {
                boolean goOn = trial.report(place(score), terms.runOptions().plan().metric().of(score));
                return goOn || score.step() == totalSteps; // what is done need not be given up
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        /// Where in the training a score is: the same for all batch sizes, unless the user said at which steps to validate.
        private int place(ValidationScore score) {
            return terms.reportsPerEpoch() == 0
                    ? score.step()
                    : (int) Math.round(score.epoch() * terms.reportsPerEpoch());
        }

        @Override
        public void onMessage(String message) {
            display.say(message);
        }
    }
}
