package dev.fenlei.lora.run;

import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.classify.AdapterCard;
import dev.fenlei.lora.data.Example;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingExample;
import dev.fenlei.lora.train.TrainingException;
import dev.fenlei.lora.train.TrainingSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Trains an adapter in a run folder: with validation, checkpoints, an early end, and the best adapter as the result.
///
/// A run that was killed at any moment goes on from its newest checkpoint and ends in the same adapter, bit for bit: whatever is
/// random is a function of the seed and the step, and a checkpoint holds everything else. The test data is never looked at.
public final class FineTuning {

    /// Hears how it goes, and may end it.
    public interface Observer {

        /// A step is done.
        ///
        /// @return whether to go on; if not, a checkpoint is saved and the run can be resumed
        default boolean onStep(Trainer.Step step, double tokensPerSecond) {
            return true;
        }

        /// A validation begins.
        ///
        /// @param rows how many examples will be looked at
        /// @return hears how many more are done
        default IntConsumer onValidationStart(int rows) {
            return _ -> {};
        }

        /// A validation is done.
        ///
        /// @param best whether it is the best so far
        /// @return whether to go on; if not, the run is given up as hopeless ([End#PRUNED])
        default boolean onValidation(ValidationScore score, boolean best) {
            return true;
        }

        /// Something a person should know, such as a damaged checkpoint.
        default void onMessage(String message) {}
    }

    /// How a run ended.
    public enum End {
        /// All steps are done.
        COMPLETED,
        /// Validation got no better for as long as the plan allows.
        STOPPED_EARLY,
        /// The observer stopped it; it can be resumed.
        INTERRUPTED,
        /// The observer gave it up after a validation.
        PRUNED
    }

    /// What came out.
    ///
    /// @param steps optimizer steps done
    /// @param best the validation of the adapter that was written; null if there is no validation data
    /// @param scores all validations
    public record Result(End end, int steps, @Nullable ValidationScore best, List<ValidationScore> scores) {}

    private static final String ADAPTER = "adapter";
    private static final String OPTIMIZER = "optimizer.safetensors";
    private static final String STATE = "state.json";
    private static final String HISTORY = "metrics.jsonl";

    private final ClassificationTask task;
    private final Decoder decoder;
    private final Adapter adapter;
    private final TrainingSettings settings;
    private final RunPlan plan;
    private final RunFolder run;
    private final Observer observer;
    private final Checkpoints checkpoints;
    private final Hardware hardware = new Hardware();
    private final List<TrainingExample> examples;
    private final Trainer trainer;
    private final int totalSteps;
    private final int stepsPerEpoch;
    private final List<ValidationScore> scores = new ArrayList<>();
    private @Nullable ValidationScore best;
    private int withoutImprovement;
    private double epoch;
    private @Nullable End end;
    private long lastSave = System.nanoTime();
    private long lastStep;

    /// Takes up the run where its newest checkpoint left it, or at the beginning if it has none.
    ///
    /// @param adapter fresh, made with the seed of the settings
    /// @throws RunException if the checkpoint is of other settings or other data
    public FineTuning(
            ClassificationTask task,
            Decoder decoder,
            Adapter adapter,
            TrainingSettings settings,
            RunPlan plan,
            RunFolder run,
            Observer observer)
            throws IOException {
        this(task, decoder, adapter, settings, plan, run, observer, run.checkpoints());
    }

    FineTuning(
            ClassificationTask task,
            Decoder decoder,
            Adapter adapter,
            TrainingSettings settings,
            RunPlan plan,
            RunFolder run,
            Observer observer,
            Checkpoints checkpoints)
            throws IOException {
        this.task = task;
        this.decoder = decoder;
        this.adapter = adapter;
        this.settings = settings;
        this.plan = plan;
        this.run = run;
        this.observer = observer;
        this.checkpoints = checkpoints;
        this.examples = task.trainingExamples();
        this.totalSteps = settings.totalSteps(examples.size());
        this.stepsPerEpoch = settings.stepsPerEpoch(examples.size());
        this.trainer = new Trainer(decoder, adapter.parameters(), settings);
        Optional<Path> newest = checkpoints.newest(observer::onMessage);
        if (newest.isPresent()) {
            restore(newest.get());
        } else {
            run.metrics().replace(new byte[0]);
        }
    }

    /// The steps done so far; 0 for a run at its beginning.
    public int steps() {
        return trainer.steps();
    }

    /// The steps there will be, unless it ends early.
    public int totalSteps() {
        return totalSteps;
    }

    /// Trains to the end, and writes the best adapter, or the last one if there is no validation data, into the run folder.
    ///
    /// @throws TrainingException if the loss stops being a number, naming step and examples
    /// @throws IOException if something cannot be written; the newest checkpoint is whole then
    public Result run() throws IOException {
        adapter.select();
        run.heartbeat().phase(RunStatus.Phase.TRAINING, null);
        lastStep = System.nanoTime();
        if (trainer.steps() > 0) {
            finishStep(trainer.steps(), true); // a run that was interrupted has not validated what it saved
        }
        if (end == null) {
            train();
        }
        End how = Objects.requireNonNull(end, "training ends by a reason");
        if (how == End.COMPLETED || how == End.STOPPED_EARLY) {
            selectBest();
            adapter.save(run.adapter());
            new AdapterCard(task.data().labels(), task.prompt().maxLength()).save(run.adapter());
        }
        return new Result(how, trainer.steps(), best, List.copyOf(scores));
    }

    private void train() throws IOException {
        try {
            trainer.train(examples, step -> {
                try {
                    return afterStep(step);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        } catch (UncheckedIOException e) {
            throw e.getCause();
        } catch (TrainingException e) {
            throw named(e);
        }
    }

    private boolean afterStep(Trainer.Step step) throws IOException {
        long now = System.nanoTime();
        double tokensPerSecond = step.tokens() * 1e9 / (now - lastStep);
        epoch = step.epoch();
        run.record(line(step, tokensPerSecond));
        run.heartbeat().step(step.step(), totalSteps);
        boolean goOn = finishStep(step.step(), observer.onStep(step, tokensPerSecond));
        lastStep = System.nanoTime();
        return goOn;
    }

    private Map<String, Object> line(Trainer.Step step, double tokensPerSecond) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", step.step());
        line.put("epoch", step.epoch());
        line.put("loss", step.loss());
        line.put("learning_rate", step.learningRate());
        line.put("gradient_norm", step.gradientNorm());
        line.put("tokens_per_second", tokensPerSecond);
        hardware.addTo(line);
        return timed(line);
    }

    /// With the time, in seconds since 1970.
    private static Map<String, Object> timed(Map<String, Object> line) {
        line.put("time", System.currentTimeMillis() / 1e3);
        return line;
    }

    /// Validates and saves, if it is time.
    ///
    /// @param goOn whether the observer wants to
    /// @return whether there is more to do
    private boolean finishStep(int step, boolean goOn) throws IOException {
        boolean last = step == totalSteps;
        boolean improved = false;
        if (goOn && (last || plan.validatesAfter(step, stepsPerEpoch)) && !isValidated(step)) {
            try {
                improved = validate(step);
            } catch (RuntimeException e) { // the steps before it are not to be lost
                checkpoints.save(step, this::write);
                throw e;
            }
        }
        if (end == null && last) {
            end = End.COMPLETED;
        } else if (end == null && !goOn) {
            end = End.INTERRUPTED;
        }
        Duration sinceSave = Duration.ofNanos(System.nanoTime() - lastSave);
        if (end != End.PRUNED && (improved || end != null || plan.savesAfter(step, sinceSave))) {
            checkpoints.save(step, this::write);
            checkpoints.prune(plan.keep(), kept -> best != null && kept == best.step());
            lastSave = System.nanoTime();
        }
        return end == null;
    }

    private boolean isValidated(int step) {
        return task.data().validation().isEmpty() || (!scores.isEmpty() && scores.getLast().step() == step);
    }

    private boolean validate(int step) throws IOException {
        IntConsumer progress = observer.onValidationStart(task.data().validation().size());
        ValidationScore score = ValidationScore.of(step, epoch, task.validate(decoder, rows -> {
            progress.accept(rows);
            run.heartbeat().beat();
        }));
        boolean improved = count(score);
        Map<String, Object> line = timed(score.toJson());
        line.put("best", improved);
        run.record(line);
        if (!observer.onValidation(score, improved)) {
            end = End.PRUNED;
        }
        return improved;
    }

    /// Takes a score into account, and says whether it is the best so far.
    private boolean count(ValidationScore score) {
        boolean improved = best == null || plan.metric().better(score, best);
        scores.add(score);
        best = improved ? score : best;
        withoutImprovement = improved ? 0 : withoutImprovement + 1;
        if (plan.patience() > 0 && withoutImprovement >= plan.patience()) {
            end = End.STOPPED_EARLY;
        }
        return improved;
    }

    private void write(Path folder) throws IOException {
        adapter.save(folder.resolve(ADAPTER));
        trainer.saveState(folder.resolve(OPTIMIZER));
        DurableFiles.write(folder.resolve(HISTORY), run.metrics().contents());
        Map<String, Object> state = new LinkedHashMap<>();
        state.put("step", trainer.steps());
        state.put("total_steps", totalSteps);
        state.put("epoch", epoch);
        state.put("settings", settings.toString());
        state.put("examples", examples.size());
        state.put("validations", scores.stream().map(ValidationScore::toJson).toList());
        DurableFiles.write(
                folder.resolve(STATE), JsonMapper.shared().writeValueAsString(state).getBytes(StandardCharsets.UTF_8));
    }

    private void restore(Path checkpoint) throws IOException {
        JsonNode state = JsonMapper.shared().readTree(Files.readString(checkpoint.resolve(STATE)));
        if (!state.path("settings").asString("").equals(settings.toString())
                || state.path("examples").asInt(-1) != examples.size()) {
            throw new RunException(checkpoint + ": is of other settings or other data; it has "
                    + state.path("examples").asInt() + " examples and " + state.path("settings").asString("")
                    + ", asked for are " + examples.size() + " and " + settings);
        }
        adapter.restore(checkpoint.resolve(ADAPTER));
        trainer.loadState(checkpoint.resolve(OPTIMIZER));
        epoch = state.path("epoch").asDouble();
        for (JsonNode score : state.path("validations")) {
            count(ValidationScore.fromJson(score));
        }
        run.metrics().replace(Files.readAllBytes(checkpoint.resolve(HISTORY)));
    }

    private void selectBest() throws IOException {
        if (best == null || best.step() == trainer.steps()) {
            return;
        }
        int step = best.step();
        Path checkpoint = checkpoints.of(step)
                .orElseThrow(() -> new RunException(
                        "the checkpoint of the best step, " + step + ", is damaged; its adapter is lost"));
        adapter.restore(checkpoint.resolve(ADAPTER));
    }

    /// The same with the examples as the user knows them.
    private TrainingException named(TrainingException e) {
        if (e.examples().isEmpty()) {
            return e;
        }
        List<Example> rows = task.data().train();
        String names = e.examples().stream().map(rows::get).map(FineTuning::name).collect(Collectors.joining(", "));
        return new TrainingException(e.getMessage() + ". The examples of this step: " + names);
    }

    private static String name(Example example) {
        return example.id() != null ? example.id() : "line " + example.line();
    }
}
