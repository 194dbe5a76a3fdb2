package dev.fenlei.lora.pretrain;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingExample;
import dev.fenlei.lora.train.TrainingException;
import dev.fenlei.lora.train.TrainingSettings;
import dev.fenlei.tokenizer.BpeTrainer;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/// Trains every weight of a language model to predict the next token of a corpus: a new small model, tokenizer and random
/// weights included, or a model that is there already.
///
/// It is the trainer that also fine-tunes adapters, with all parameters trained.
public final class Pretraining {

    /// What was made.
    ///
    /// @param parameters the number of weights
    /// @param tokens the number of tokens in one pass over the corpus
    /// @param finalLoss the mean loss of the last hundred steps, nats per token
    public record Report(long parameters, long tokens, double finalLoss) {}

    private final Backend backend;
    private final Origin origin;
    private final int sequenceLength;
    private final double dialogues;
    private final IntFunction<TrainingSettings> settings;

    /// Where the weights come from at first.
    public sealed interface Origin {

        /// Random weights of this shape. A tokenizer in the output directory is used, else one is trained on the corpus.
        record New(ModelShape shape) implements Origin {}

        /// The weights, the configuration and the tokenizer of a model directory.
        record Existing(Path model) implements Origin {}
    }

    /// @param sequenceLength tokens that are predicted together, as one text
    /// @param dialogues the share of texts that are turned into exchanges; see [Dialogues]
    /// @param settings of the training for a number of sequences; a batch is a number of sequences
    public Pretraining(
            Backend backend,
            Origin origin,
            int sequenceLength,
            double dialogues,
            IntFunction<TrainingSettings> settings) {
        if (sequenceLength < 2) {
            throw new IllegalArgumentException("the sequence length must be at least 2");
        }
        if (!(dialogues >= 0 && dialogues <= 1)) {
            throw new IllegalArgumentException("the share of dialogues must lie between 0 and 1");
        }
        if (origin instanceof Origin.New(ModelShape shape) && sequenceLength > shape.maxPositions()) {
            throw new IllegalArgumentException("the sequence length must lie between 2 and " + shape.maxPositions());
        }
        this.backend = backend;
        this.origin = origin;
        this.sequenceLength = sequenceLength;
        this.dialogues = dialogues;
        this.settings = settings;
    }

    /// Trains and writes a model directory. An interrupted training writes the model as far as it got.
    ///
    /// @param says hears what is being done
    /// @param listener given the number of steps, hears of every one
    /// @param goOn asked in the long preparations; false ends them
    /// @throws TrainingException if the model, its tokenizer and the settings do not fit together
    public Report run(
            Corpus corpus,
            Path out,
            Consumer<String> says,
            IntFunction<Trainer.Listener> listener,
            BooleanSupplier goOn)
            throws IOException {
        Files.createDirectories(out);
        Path source = switch (origin) {
            case Origin.New(ModelShape shape) -> {
                prepareTokenizer(corpus, shape, out, says);
                yield out;
            }
            case Origin.Existing(Path model) -> {
                if (Files.isSameFile(model, out)) {
                    throw new TrainingException(out + ": the new model would replace the one it is made from");
                }
                yield model;
            }
        };
        Tokenizer tokenizer = Tokenizer.load(source);
        if (origin instanceof Origin.New(ModelShape shape) && tokenizer.size() > shape.vocabularySize()) {
            throw new TrainingException(out.resolve("tokenizer.json") + ": has " + tokenizer.size()
                    + " tokens, the model's vocabulary only " + shape.vocabularySize());
        }
        int endToken = tokenizer.endOfText()
                .orElseThrow(() -> new TrainingException(source + ": the tokenizer has no <|endoftext|>"));
        List<int[]> pieces = new Dialogues(tokenizer, dialogues, settings.apply(1).seed()).pieces(corpus.texts(), goOn);
        List<TrainingExample> sequences = Corpus.sequences(pieces, endToken, sequenceLength);
        long tokens = sequences.stream().mapToLong(TrainingExample::rows).sum();
        says.accept(tokens + " tokens in " + sequences.size() + " sequences");
        TrainingSettings training = settings.apply(sequences.size());
        if (origin instanceof Origin.New(ModelShape shape)) {
            shape.writeConfig(out, endToken, DType.F32);
            shape.writeWeights(out, training.seed());
        }
        try (Decoder decoder = Decoder.load(source, backend)) {
            if (sequenceLength > decoder.config().maxPositions()) {
                throw new TrainingException("the sequence length must be at most the model's "
                        + decoder.config().maxPositions() + " positions");
            }
            List<Parameter> parameters = decoder.trainAll();
            List<Double> losses = new ArrayList<>();
            Trainer.Listener heard = listener.apply(training.totalSteps(sequences.size()));
            new Trainer(decoder, parameters, training).train(sequences, step -> {
                losses.add(step.loss());
                return heard.onStep(step);
            });
            write(parameters, out);
            ModelFiles.copy(source, out, config -> ModelFiles.setDType(config, DType.BF16));
            double last = losses.subList(Math.max(0, losses.size() - 100), losses.size()).stream()
                    .mapToDouble(Double::doubleValue)
                    .average()
                    .orElse(Double.NaN);
            return new Report(decoder.config().parameters(), tokens, last);
        }
    }

    private static void prepareTokenizer(Corpus corpus, ModelShape shape, Path out, Consumer<String> says)
            throws IOException {
        if (!Files.exists(out.resolve("tokenizer.json"))) {
            says.accept("training a tokenizer of " + shape.vocabularySize() + " tokens on " + corpus.texts().size()
                    + " texts");
            BpeTrainer.train(corpus.texts().iterator(), shape.vocabularySize()).write(out);
        }
    }

    private void write(List<Parameter> parameters, Path out) throws IOException {
        try (Workspace workspace = backend.newWorkspace()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            for (Parameter parameter : parameters) {
                Tensor value = parameter.value();
                Tensor rounded = workspace.take(DType.BF16, value.rows(), value.columns());
                backend.copy(value, rounded);
                entries.add(
                        parameter.vector()
                                ? SafetensorsWriter.Entry.vector(parameter.name(), rounded)
                                : SafetensorsWriter.Entry.matrix(parameter.name(), rounded));
            }
            SafetensorsWriter.write(out.resolve("model.safetensors"), Map.of("format", "pt"), entries);
        }
    }
}
