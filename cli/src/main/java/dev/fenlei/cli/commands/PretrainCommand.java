package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Progress;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.lora.pretrain.Corpus;
import dev.fenlei.lora.pretrain.ModelShape;
import dev.fenlei.lora.pretrain.Pretraining;
import dev.fenlei.lora.train.Trainer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `pretrain`: a small language model from text.
@Command(
        name = "pretrain",
        description = "Train all weights of a small language model on text: of a new one and its tokenizer, or of one that is there.")
public final class PretrainCommand extends FenleiCommand {

    @Option(names = "--data", required = true, paramLabel = "FILE",
            description = "Rows with a text field (.jsonl, .jsonl.gz, .csv …).")
    private Path data = Path.of("");

    @Option(names = "--exclude", paramLabel = "FILE",
            description = "Leave out rows whose ids this file holds, such as test data. Repeatable.")
    private List<Path> exclude = new ArrayList<>();

    @Option(names = "--out", required = true, paramLabel = "DIR",
            description = "The model directory to write. A tokenizer that is there already is used.")
    private Path out = Path.of("");

    @Option(names = "--model", paramLabel = "DIR",
            description = "Go on with this model, its tokenizer and its shape (default: a new model of the shape below).")
    private @Nullable Path model;

    @Option(names = "--vocab-size", description = "Tokens of the vocabulary (default: ${DEFAULT-VALUE}).")
    private int vocabSize = 8192;

    @Option(names = "--hidden-size", description = "Width of the residual stream (default: ${DEFAULT-VALUE}).")
    private int hiddenSize = 256;

    @Option(names = "--intermediate-size",
            description = "Width inside the feed-forward network (default: ${DEFAULT-VALUE}).")
    private int intermediateSize = 704;

    @Option(names = "--layers", description = "Number of layers (default: ${DEFAULT-VALUE}).")
    private int layers = 4;

    @Option(names = "--heads", description = "Number of query heads (default: ${DEFAULT-VALUE}).")
    private int heads = 4;

    @Option(names = "--kv-heads", description = "Number of key-value heads (default: ${DEFAULT-VALUE}).")
    private int keyValueHeads = 2;

    @Option(names = "--max-positions", description = "The longest text in tokens (default: ${DEFAULT-VALUE}).")
    private int maxPositions = 2048;

    @Option(names = "--rope-theta", description = "Base of the rotary frequencies (default: ${DEFAULT-VALUE}).")
    private double ropeTheta = 10_000;

    @Option(names = "--sequence-length",
            description = "Tokens that are trained on as one text (default: ${DEFAULT-VALUE}).")
    private int sequenceLength = 256;

    @Option(names = "--max-characters",
            description = "Texts are cut to so many characters (default: ${DEFAULT-VALUE}).")
    private int maxCharacters = 1_000_000;

    @Option(names = "--collapse-white-space", description = "Turn runs of white space into one space.")
    private boolean collapseWhiteSpace;

    @Option(names = "--dialogues",
            description = "Share of texts turned into ChatML exchanges, a passage answered by the text's key words (default: ${DEFAULT-VALUE}).")
    private double dialogues;

    @Mixin
    private TrainingOptions training = new TrainingOptions();

    @Override
    protected int run() throws Exception {
        Corpus corpus = Corpus.read(data, exclude, maxCharacters, collapseWhiteSpace);
        say(corpus.texts().size() + " texts, " + corpus.excluded() + " left out, " + corpus.unusable()
                + " without text");
        Path existing = model;
        Pretraining.Origin origin = existing == null
                ? new Pretraining.Origin.New(Arguments.checked(() -> new ModelShape(
                        vocabSize, hiddenSize, intermediateSize, layers, heads, keyValueHeads, maxPositions,
                        ropeTheta, true)))
                : new Pretraining.Origin.Existing(existing);
        Arguments.checked(() -> training.settings(corpus.texts().size(), Recipe.PRETRAINING));
        List<Progress> bar = new ArrayList<>();
        try (Backend backend = new CpuBackend()) {
            Pretraining pretraining = Arguments
                    .checked(() -> new Pretraining(backend, origin, sequenceLength, dialogues,
                            n -> training.settings(n, Recipe.PRETRAINING)));
            Pretraining.Report report = pretraining.run(
                    corpus,
                    out,
                    this::say,
                    steps -> {
                        bar.add(progress("pre-training", steps, "steps"));
                        return step -> onStep(bar.getFirst(), step);
                    },
                    () -> !interruption().requested());
            bar.forEach(Progress::close);
            say(String.format(
                    Locale.ROOT,
                    "%,d parameters, final loss %.4f nats per token, written to %s",
                    report.parameters(), report.finalLoss(), out));
        }
        interruption().throwIfRequested();
        return OK;
    }

    private boolean onStep(Progress bar, Trainer.Step step) {
        bar.note(String.format(Locale.ROOT, "loss %.4f  lr %.2e  epoch %.2f", step.loss(), step.learningRate(),
                step.epoch()));
        bar.advance(1);
        return !interruption().requested();
    }
}
