package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Installation;
import dev.fenlei.cli.InterruptedCommandException;
import dev.fenlei.cli.Progress;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.data.Example;
import dev.fenlei.lora.evaluate.Evaluation;
import dev.fenlei.lora.evaluate.EvaluationTable;
import dev.fenlei.lora.evaluate.PredictionRecord;
import dev.fenlei.lora.evaluate.Scoring;
import dev.fenlei.lora.report.RunReport;
import dev.fenlei.lora.run.ClassificationTask;
import dev.fenlei.lora.run.FineTuning;
import dev.fenlei.lora.run.MetricsLog;
import dev.fenlei.lora.run.RunFolder;
import dev.fenlei.lora.run.RunPlan;
import dev.fenlei.lora.run.RunStatus;
import dev.fenlei.lora.run.ValidationScore;
import dev.fenlei.lora.train.TrainingSettings;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `train`: LoRA fine-tuning, then evaluation on the test file.
@Command(
        name = "train",
        description = "Fine-tune a model into a text classifier with LoRA, then evaluate it. Without options: the bundled "
                + "tiny model on the sample data.")
public final class TrainCommand extends FenleiCommand {

    private static final String BASELINE = "baseline_accuracy";

    @Mixin
    private ModelOptions modelOptions = new ModelOptions();

    @Option(names = "--data", paramLabel = "PATH",
            description = "A folder with train.*, test.* and optionally valid.*, or one file (default: the sample data).")
    private @Nullable Path data;

    @Mixin
    private DataColumns columns = new DataColumns();

    @Option(names = "--out", paramLabel = "DIR", description = "The run folder to write (default: runs/DATE-TIME).")
    private @Nullable Path out;

    @Option(names = "--max-length",
            description = "The most tokens of a prompt and its label; longer texts are cut in the middle (default: ${DEFAULT-VALUE}).")
    private int maxLength = Classifier.DEFAULT_MAX_LENGTH;

    @Mixin
    private AdapterOptions adapterOptions = new AdapterOptions();

    @Mixin
    private TrainingOptions training = new TrainingOptions();

    @Mixin
    private LoraPlusOptions loraPlus = new LoraPlusOptions();

    @Mixin
    private RunOptions runOptions = new RunOptions();

    @Option(names = "--tensorboard", description = "Write event files for TensorBoard as well (DIR/tensorboard).")
    private boolean tensorBoard;

    @Option(names = "--resume", paramLabel = "RUN", arity = "0..1", fallbackValue = "",
            description = "Go on with a run that was interrupted, failed or killed, from its newest checkpoint and with its "
                    + "settings (default: the youngest in runs). The result is the same, bit for bit.")
    private @Nullable String resume;

    @Option(names = "--baseline", paramLabel = "N",
            description = "Score the bare model on so many test examples first; 0 for none (default: ${DEFAULT-VALUE}).")
    private int baseline = 200;

    @Option(names = "--scoring",
            description = "labels: the probability of every candidate; generate: what the model writes (default: labels).")
    private Scoring scoring = Scoring.LABELS;

    @Option(names = "--font", paramLabel = "FILE",
            description = "Font for the confusion matrix picture, if none is found that can show the labels.")
    private @Nullable Path font;

    @Override
    protected int run() throws Exception {
        Path resumed = resume == null ? null : Resumption.run(resume, out);
        List<String> options = Resumption.chosen(spec());
        if (resumed != null) {
            Resumption.restoreOptions(spec(), resumed);
        }
        Path dataPath = data == null ? Installation.find().sampleData() : data;
        DataSet all = DataSet.open(dataPath, columns.options(true));
        DataSet set = Arguments.checked(() -> runOptions.withValidation(all, training.seed));
        RunPlan plan = Arguments.checked(runOptions::plan);
        CandidatePolicy policy = columns.policy(set.labels());
        Path model = modelOptions.model();
        try (Backend backend = modelOptions.backend(model);
                Decoder decoder = modelOptions.decoder(model, backend)) {
            Recipe recipe = Recipe.forModel(decoder.config().parameters());
            LoraConfig lora = Arguments.checked(() -> adapterOptions.config(model, recipe));
            Tokenizer tokenizer = Tokenizer.load(model);
            ClassificationPrompt prompt = new ClassificationPrompt(
                    tokenizer,
                    ChatTemplate.detect(model, tokenizer),
                    ModelOptions.checkedMaxLength(maxLength, decoder));
            ClassificationTask task = new ClassificationTask(set, policy, tokenizer, prompt);
            TrainingSettings settings = Arguments.checked(() -> settings(set.train().size(), recipe));
            if (settings.totalSteps(set.train().size()) == 0) {
                throw new UserErrorException("there is nothing to train: 0 steps");
            }
            Adapter adapter = Arguments.checked(() -> Adapter.create(decoder, lora, training.seed));
            try (RunFolder run = resumed == null ? RunFolder.create(out) : RunFolder.open(resumed);
                    ConsoleLog log = new ConsoleLog(spec().commandLine(), run.path().resolve("console.log"))) {
                if (resumed == null) {
                    run.writeRun(
                            RunSettings.of(settings, plan, lora, backend, modelOptions, columns, maxLength), options,
                            model, dataPath);
                } else {
                    run.requireUnchanged(model, dataPath);
                    warnOfOtherBackend(run, backend);
                }
                run.heartbeat().phase(RunStatus.Phase.TRAINING, null);
                say(String.format(
                        Locale.ROOT,
                        "%s: %,d parameters; %d training, %d validation, %d test examples; %d labels",
                        model, decoder.config().parameters(), set.train().size(), set.validation().size(),
                        set.test().size(),
                        set.labels().size()));
                if (all.validation().isEmpty() && !set.validation().isEmpty()) {
                    say("the data has no valid.*: validation is on a part of the training data, which is not trained on");
                }
                say(String.format(Locale.ROOT, "adapter: %,d parameters, rank %d", adapter.size(), lora.rank()));
                int overlap = run.describe(set);
                if (overlap > 0) {
                    say("warning: " + overlap
                            + " texts of the test data are in the training data too; the figures will be "
                            + "too good");
                }
                perform(task, decoder, adapter, settings, plan, run, log);
            }
        }
        return OK;
    }

    private void warnOfOtherBackend(RunFolder run, Backend backend) throws IOException {
        String before = RunFolder.readRun(run.path()).path("settings").path("backend").asString("");
        if (!before.equals(backend.name())) {
            say("the run began on " + before + " and goes on on " + backend.name()
                    + ": the result will not be the same bit for bit");
        }
    }

    /// Trains and evaluates, and leaves word in the run folder of how it ended.
    private void perform(
            ClassificationTask task, Decoder decoder, Adapter adapter, TrainingSettings settings, RunPlan plan,
            RunFolder run, ConsoleLog log)
            throws IOException {
        try {
            try (TrainingDisplay display = new TrainingDisplay(this::say, this::progress, interruption())) {
                FineTuning tuning = new FineTuning(task, decoder, adapter, settings, plan, run, display);
                if (tensorBoard) {
                    run.startTensorBoard(tuning.steps());
                }
                double bare = bareAccuracy(task, decoder, tuning, run);
                display.start(tuning.steps(), tuning.totalSteps());
                FineTuning.Result result = tuning.run();
                display.close();
                if (result.end() == FineTuning.End.INTERRUPTED) {
                    say("step " + result.steps() + " is saved");
                    throw new InterruptedCommandException();
                }
                report(result, run);
                run.heartbeat().phase(RunStatus.Phase.EVALUATING, null);
                evaluate(task, decoder, run, bare);
            }
            run.heartbeat().phase(RunStatus.Phase.FINISHED, null);
        } catch (InterruptedCommandException e) {
            leaveWord(run, RunStatus.Phase.INTERRUPTED, "interrupted", e, log);
            throw e;
        } catch (IOException | RuntimeException | Error e) {
            leaveWord(run, RunStatus.Phase.FAILED, explained(e), e, log);
            throw e;
        }
    }

    private void leaveWord(RunFolder run, RunStatus.Phase phase, String why, Throwable thrown, ConsoleLog log) {
        say("go on with: train --resume " + run.path());
        try {
            log.note(why); // the console is told by whoever catches it
            run.heartbeat().phase(phase, phase == RunStatus.Phase.FAILED ? why : null);
        } catch (IOException e) {
            thrown.addSuppressed(e);
        }
    }

    private void report(FineTuning.Result result, RunFolder run) {
        if (result.end() == FineTuning.End.STOPPED_EARLY) {
            say("stopped early: " + runOptions.plan().patience() + " validations in a row were not the best");
        }
        ValidationScore best = result.best();
        say("adapter written to " + run.adapter() + (best == null
                ? ""
                : String.format(Locale.ROOT, ": that of step %d, validation macro F1 %.4f, NLL %.4f",
                        best.step(), best.macroF1(), best.nll())));
    }

    private TrainingSettings settings(int examples, Recipe recipe) {
        return loraPlus.applyTo(training.settings(examples, recipe));
    }

    /// The accuracy without adapter, measured once at the beginning of a run; NaN if it is not wanted.
    private double bareAccuracy(ClassificationTask task, Decoder decoder, FineTuning tuning, RunFolder run)
            throws IOException {
        if (tuning.steps() > 0) {
            return MetricsLog.read(run.metrics().file()).stream()
                    .filter(line -> line.has(BASELINE))
                    .findFirst()
                    .map(line -> line.path(BASELINE).asDouble())
                    .orElse(Double.NaN);
        }
        List<Example> test = task.data().test();
        List<Example> examples = test.subList(0, Math.max(0, Math.min(baseline, test.size())));
        if (examples.isEmpty()) {
            return Double.NaN;
        }
        decoder.restore();
        List<PredictionRecord> records = predict(task, decoder, examples, "without adapter", run);
        double accuracy = (double) records.stream().filter(PredictionRecord::correct).count() / records.size();
        say(String.format(Locale.ROOT, "without adapter: accuracy %.4f on %d test examples", accuracy, records.size()));
        run.record(Map.of("step", 0, BASELINE, accuracy));
        return accuracy;
    }

    private List<PredictionRecord> predict(
            ClassificationTask task, Decoder decoder, List<Example> examples, String label, RunFolder run) {
        try (Progress progress = progress(label, examples.size(), "examples")) {
            return task.predict(decoder, examples, scoring, rows -> {
                progress.advance(rows);
                run.heartbeat().beat();
                interruption().throwIfRequested();
            });
        }
    }

    private void evaluate(ClassificationTask task, Decoder decoder, RunFolder run, double bare) throws IOException {
        DataSet set = task.data();
        if (set.test().isEmpty()) {
            say("the data has no test.*, so nothing is evaluated");
            RunReport.write(run.path());
            return;
        }
        List<PredictionRecord> records = predict(task, decoder, set.test(), "test", run);
        Evaluation evaluation = Evaluation.of(set.labels(), records);
        Reports.write(run.path(), evaluation, records, font);
        Path report = RunReport.write(run.path());
        out().println(EvaluationTable.render(evaluation));
        out().printf(
                Locale.ROOT,
                "test accuracy %.4f, macro F1 %.4f%s%n",
                evaluation.metrics().accuracy(),
                evaluation.metrics().macro().f1(),
                Double.isNaN(bare) ? "" : String.format(Locale.ROOT, " (without adapter: accuracy %.4f)", bare));
        out().flush();
        say("results in " + run.path() + "; open " + report);
    }
}
