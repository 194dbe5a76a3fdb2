package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Installation;
import dev.fenlei.cli.Progress;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.classify.AdapterCard;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.data.Example;
import dev.fenlei.lora.evaluate.Evaluation;
import dev.fenlei.lora.evaluate.EvaluationTable;
import dev.fenlei.lora.evaluate.PredictionRecord;
import dev.fenlei.lora.train.LoraPlus;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingExample;
import dev.fenlei.lora.train.TrainingSettings;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
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

    @Option(names = "--lora-plus-ratio", paramLabel = "RATIO",
            description = "LoRA+: the learning rate of B and of vectors is the rate of A times this; 16 is usual (default: 1).")
    private @Nullable Double loraPlusRatio;

    @Option(names = "--lora-plus-embedding-lr", paramLabel = "RATE",
            description = "LoRA+: learning rate of an embedding's adapter (default: that of A).")
    private @Nullable Double loraPlusEmbeddingRate;

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
        Path dataPath = data == null ? Installation.find().sampleData() : data;
        DataSet set = DataSet.open(dataPath, columns.options(true));
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
            List<TrainingExample> examples = examples(set.train(), policy, prompt, dataPath);
            TrainingSettings settings = Arguments.checked(() -> settings(examples.size(), recipe));
            if (settings.totalSteps(examples.size()) == 0) {
                throw new UserErrorException("there is nothing to train: 0 steps");
            }
            Adapter adapter = Arguments.checked(() -> Adapter.create(decoder, lora, training.seed));
            decoder.restore();
            try (RunFolder run = RunFolder.create(out)) {
                run.writeRun(settingsOf(settings, lora, backend), model, dataPath);
                say(String.format(
                        Locale.ROOT,
                        "%s: %,d parameters; %d training, %d validation, %d test examples; %d labels",
                        model, decoder.config().parameters(), set.train().size(), set.validation().size(),
                        set.test().size(),
                        set.labels().size()));
                double bare = bareAccuracy(decoder, tokenizer, prompt, set, policy);
                adapter.select();
                say(String.format(Locale.ROOT, "adapter: %,d parameters, rank %d", adapter.size(), lora.rank()));
                train(decoder, adapter, settings, examples, run);
                adapter.save(run.adapter());
                new AdapterCard(set.labels(), maxLength).save(run.adapter());
                say("adapter written to " + run.adapter());
                evaluate(decoder, tokenizer, prompt, set, policy, run, bare);
            }
        }
        return OK;
    }

    private TrainingSettings settings(int examples, Recipe recipe) {
        TrainingSettings settings = training.settings(examples, recipe);
        if (loraPlusRatio == null && loraPlusEmbeddingRate == null) {
            return settings;
        }
        return settings.with(new LoraPlus(Objects.requireNonNullElse(loraPlusRatio, 1.0), loraPlusEmbeddingRate));
    }

    private static List<TrainingExample> examples(
            List<Example> rows, CandidatePolicy policy, ClassificationPrompt prompt, Path source) {
        List<TrainingExample> examples = new ArrayList<>();
        for (Example row : rows) {
            List<String> candidates = policy.candidates(row, source.toString());
            try {
                examples.add(prompt.example(row.text(), candidates, row.requireLabel()));
            } catch (IllegalArgumentException e) {
                throw new UserErrorException(source + ", line " + row.line() + ": " + e.getMessage());
            }
        }
        return examples;
    }

    private Map<String, Object> settingsOf(TrainingSettings settings, LoraConfig lora, Backend backend) {
        Map<String, Object> all = new LinkedHashMap<>();
        all.put("epochs", settings.epochs());
        all.put("batch_size", settings.batchSize());
        all.put("grad_accum", settings.accumulation());
        all.put("lr", settings.learningRate());
        all.put("schedule", settings.schedule().name().toLowerCase(Locale.ROOT));
        all.put("warmup_steps", settings.warmupSteps());
        all.put("weight_decay", settings.weightDecay());
        all.put("beta2", settings.beta2());
        all.put("max_grad_norm", settings.maxGradNorm());
        all.put("seed", settings.seed());
        all.put("threads", modelOptions.threads);
        all.put("backend", backend.name());
        all.put("max_length", maxLength);
        all.put("candidates", columns.candidates);
        all.put("lora_r", lora.rank());
        all.put("lora_alpha", lora.alpha());
        all.put("lora_dropout", lora.dropout());
        all.put("target_modules", lora.targets().toJson());
        all.put("use_dora", lora.dora());
        all.put("bias", lora.bias().toJson());
        all.put("modules_to_save", lora.modulesToSave());
        if (settings.loraPlus() != null) {
            all.put("lora_plus_ratio", settings.loraPlus().ratio());
        }
        return all;
    }

    private double bareAccuracy(
            Decoder decoder, Tokenizer tokenizer, ClassificationPrompt prompt, DataSet set, CandidatePolicy policy) {
        List<Example> examples = set.test().subList(0, Math.max(0, Math.min(baseline, set.test().size())));
        if (examples.isEmpty()) {
            return Double.NaN;
        }
        List<PredictionRecord> records = predict(decoder, tokenizer, prompt, examples, set, policy, "without adapter");
        double accuracy = accuracy(records);
        say(String.format(Locale.ROOT, "without adapter: accuracy %.4f on %d test examples", accuracy, records.size()));
        return accuracy;
    }

    private static double accuracy(List<PredictionRecord> records) {
        return (double) records.stream().filter(PredictionRecord::correct).count() / records.size();
    }

    private List<PredictionRecord> predict(
            Decoder decoder,
            Tokenizer tokenizer,
            ClassificationPrompt prompt,
            List<Example> examples,
            DataSet set,
            CandidatePolicy policy,
            String label) {
        try (Classifier classifier = new Classifier(decoder, tokenizer, prompt);
                Progress progress = progress(label, examples.size(), "examples")) {
            return scoring.predict(classifier, examples, policy, set.source().toString(), progress, interruption());
        }
    }

    private void train(
            Decoder decoder, Adapter adapter, TrainingSettings settings, List<TrainingExample> examples,
            RunFolder run) {
        try (Progress progress = progress("training", settings.totalSteps(examples.size()), "steps")) {
            long[] start = {System.nanoTime()};
            new Trainer(decoder, adapter.parameters(), settings).train(examples, step -> {
                long now = System.nanoTime();
                double rate = step.tokens() * 1e9 / (now - start[0]);
                start[0] = now;
                progress.note(String.format(
                        Locale.ROOT, "epoch %.2f  loss %.4f  lr %.2e  %,.0f tokens/s", step.epoch(), step.loss(),
                        step.learningRate(), rate));
                progress.advance(1);
                try {
                    run.step(step, rate);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
                return !interruption().requested();
            });
        }
        interruption().throwIfRequested();
    }

    private void evaluate(
            Decoder decoder,
            Tokenizer tokenizer,
            ClassificationPrompt prompt,
            DataSet set,
            CandidatePolicy policy,
            RunFolder run,
            double bare)
            throws IOException {
        if (!set.validation().isEmpty()) {
            double accuracy = accuracy(
                    predict(decoder, tokenizer, prompt, set.validation(), set, policy, "validation"));
            say(String.format(Locale.ROOT, "validation accuracy %.4f", accuracy));
        }
        if (set.test().isEmpty()) {
            say("the data has no test.*, so nothing is evaluated");
            return;
        }
        List<PredictionRecord> records = predict(decoder, tokenizer, prompt, set.test(), set, policy, "test");
        Evaluation evaluation = Evaluation.of(set.labels(), records);
        Reports.write(run.path(), evaluation, records, font);
        out().println(EvaluationTable.render(evaluation));
        out().printf(
                Locale.ROOT,
                "test accuracy %.4f, macro F1 %.4f%s%n",
                evaluation.metrics().accuracy(),
                evaluation.metrics().macro().f1(),
                Double.isNaN(bare) ? "" : String.format(Locale.ROOT, " (without adapter: accuracy %.4f)", bare));
        out().flush();
        say("results in " + run.path());
    }
}
