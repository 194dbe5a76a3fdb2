package dev.fenlei.lora.pretrain;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingExample;
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

/// Makes a small language model from nothing but text: tokenizer, random weights, next-token training of every weight.
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
    private final ModelShape shape;
    private final int sequenceLength;
    private final IntFunction<TrainingSettings> settings;

    /// @param shape of the new model
    /// @param sequenceLength tokens that are predicted together, as one text
    /// @param settings of the training for a number of sequences; a batch is a number of sequences
    public Pretraining(
            Backend backend, ModelShape shape, int sequenceLength, IntFunction<TrainingSettings> settings) {
        if (sequenceLength < 2 || sequenceLength > shape.maxPositions()) {
            throw new IllegalArgumentException("the sequence length must lie between 2 and " + shape.maxPositions());
        }
        this.backend = backend;
        this.shape = shape;
        this.sequenceLength = sequenceLength;
        this.settings = settings;
    }

    /// Trains and writes a model directory. An interrupted training writes the model as far as it got.
    ///
    /// @param says hears what is being done
    /// @param listener given the number of steps, hears of every one
    /// @param goOn asked in the long preparations; false ends them
    public Report run(
            Corpus corpus,
            Path out,
            Consumer<String> says,
            IntFunction<Trainer.Listener> listener,
            BooleanSupplier goOn)
            throws IOException {
        Files.createDirectories(out);
        if (!Files.exists(out.resolve("tokenizer.json"))) {
            says.accept("training a tokenizer of " + shape.vocabularySize() + " tokens on " + corpus.texts().size()
                    + " texts");
            BpeTrainer.train(corpus.texts().iterator(), shape.vocabularySize()).write(out);
        }
        Tokenizer tokenizer = Tokenizer.load(out);
        if (tokenizer.size() > shape.vocabularySize()) {
            throw new IllegalArgumentException(out.resolve("tokenizer.json") + ": has " + tokenizer.size()
                    + " tokens, the model's vocabulary only " + shape.vocabularySize());
        }
        int endToken = tokenizer.endOfText()
                .orElseThrow(() -> new IllegalArgumentException(out + ": the tokenizer has no <|endoftext|>"));
        List<TrainingExample> sequences = corpus.sequences(tokenizer, endToken, sequenceLength, goOn);
        long tokens = sequences.stream().mapToLong(TrainingExample::rows).sum();
        says.accept(tokens + " tokens in " + sequences.size() + " sequences");
        TrainingSettings training = settings.apply(sequences.size());
        shape.writeConfig(out, "float32", endToken);
        shape.writeWeights(out, training.seed());
        try (Decoder decoder = Decoder.load(out, backend)) {
            List<Parameter> parameters = decoder.trainAll();
            List<Double> losses = new ArrayList<>();
            Trainer.Listener heard = listener.apply(training.totalSteps(sequences.size()));
            new Trainer(decoder, parameters, training).train(sequences, step -> {
                losses.add(step.loss());
                return heard.onStep(step);
            });
            write(parameters, out);
            shape.writeConfig(out, "bfloat16", endToken);
            double last = losses.subList(Math.max(0, losses.size() - 100), losses.size()).stream()
                    .mapToDouble(Double::doubleValue)
                    .average()
                    .orElse(Double.NaN);
            return new Report(decoder.config().parameters(), tokens, last);
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
