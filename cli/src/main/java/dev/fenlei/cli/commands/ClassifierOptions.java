package dev.fenlei.cli.commands;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.classify.AdapterCard;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.evaluate.Scoring;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Model, adapter and prompt: options of the commands that classify.
final class ClassifierOptions {

    @Mixin
    private ModelOptions modelOptions = new ModelOptions();

    @Option(names = {"--adapter", "--adapter_path", "--adapter-path"}, paramLabel = "DIR",
            description = "Adapter directory in PEFT form (default: the bare model).")
    private @Nullable Path adapter;

    @Option(names = "--max-length",
            description = "The most tokens of a prompt and its label (default: what the adapter was trained with, else 384).")
    private @Nullable Integer maxLength;

    @Option(names = "--scoring",
            description = "labels: the probability of every candidate; generate: what the model writes (default: labels).")
    Scoring scoring = Scoring.LABELS;

    /// What [#open] opened.
    record Opened(Backend backend, Decoder decoder, Classifier classifier) implements AutoCloseable {

        @Override
        public void close() {
            classifier.close();
            decoder.close();
            backend.close();
        }
    }

    /// The labels of the adapter's training, or others if it says none.
    List<String> labels(List<String> others) throws IOException {
        List<String> labels = card().map(AdapterCard::labels).orElse(List.of());
        return labels.isEmpty() || labels.size() < others.size() ? others : labels;
    }

    private Optional<AdapterCard> card() throws IOException {
        return adapter == null ? Optional.empty() : AdapterCard.load(adapter);
    }

    Opened open() throws IOException {
        Path model = modelOptions.model(adapter);
        Backend backend = modelOptions.backend(model);
        Decoder decoder = null;
        try {
            decoder = modelOptions.decoder(model, backend);
            if (adapter != null) {
                Adapter.load(decoder, adapter);
            }
            int length = maxLength != null
                    ? maxLength
                    : card().map(AdapterCard::maxLength).orElse(Classifier.DEFAULT_MAX_LENGTH);
            ModelOptions.checkedMaxLength(length, decoder);
            Tokenizer tokenizer = Tokenizer.load(model);
            return new Opened(
                    backend, decoder, new Classifier(decoder, tokenizer, new ClassificationPrompt(
                            tokenizer, ChatTemplate.detect(model, tokenizer), length)));
        } catch (IOException | RuntimeException e) {
            if (decoder != null) {
                decoder.close();
            }
            backend.close();
            throw e;
        }
    }
}
