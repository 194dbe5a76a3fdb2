package dev.fenlei.server.inference;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.classify.AdapterCard;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.server.ServerException;
import dev.fenlei.server.ServerSettings;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// One base model, its adapters, and what turns texts into tokens for them.
public final class Models implements AutoCloseable {

    private static final int WARM_UP_PASSES = 5;
    private static final Duration WARM_UP = Duration.ofSeconds(1);

    private final Backend backend;
    private final Decoder decoder;
    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final SequencedMap<String, ServedModel> byName = new LinkedHashMap<>();

    private Models(Path directory, Backend backend, Decoder decoder) throws IOException {
        this.backend = backend;
        this.decoder = decoder;
        tokenizer = Tokenizer.load(directory);
        template = ChatTemplate.detect(directory, tokenizer);
    }

    /// Opens everything that the settings name.
    ///
    /// @throws IOException if a file is missing, breaks its format, or does not fit the model
    static Models load(ServerSettings settings) throws IOException {
        Backend backend = settings.backend().open(settings.model());
        try {
            Decoder decoder = Decoder.load(settings.model(), backend, settings.quantization());
            try {
                Models models = new Models(settings.model(), backend, decoder);
                models.addAll(settings);
                models.warmUp();
                return models;
            } catch (IOException | RuntimeException e) {
                decoder.close();
                throw e;
            }
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /// Classifies a text a few times, so that the first request finds compiled code and the beginning that all prompts share.
    /// Passes of a large model take so long by themselves that one is enough.
    private void warmUp() {
        long end = System.nanoTime() + WARM_UP.toNanos();
        for (int pass = 0; pass < WARM_UP_PASSES && System.nanoTime() < end; pass++) {
            defaultModel().classifier().classify("今天的新闻。", List.of("财经", "体育"));
        }
    }

    private void addAll(ServerSettings settings) throws IOException {
        String base = nameOf(settings.model());
        if (settings.adapters().containsKey(base)) {
            throw new ServerException("an adapter is called '" + base + "' like its model; give it another name");
        }
        for (var entry : settings.adapters().entrySet()) {
            Adapter adapter = Adapter.load(decoder, entry.getValue());
            Optional<AdapterCard> card = AdapterCard.load(entry.getValue());
            int trained = card.map(AdapterCard::maxLength).orElse(Classifier.DEFAULT_MAX_LENGTH);
            add(entry.getKey(), base, card.map(AdapterCard::labels).orElse(List.of()),
                    settings.maxLength() == null ? trained : settings.maxLength(), adapter);
        }
        int length = settings.maxLength() == null ? Classifier.DEFAULT_MAX_LENGTH : settings.maxLength();
        add(base, null, List.of(), length, null);
    }

    private void add(
            String name, @Nullable String parent, List<String> labels, int maxLength, @Nullable Adapter adapter)
            throws ServerException {
        if (maxLength < 16 || maxLength > decoder.config().maxPositions()) {
            throw new ServerException(
                    "max-length must lie between 16 and the model's " + decoder.config().maxPositions()
                            + " positions, it is " + maxLength);
        }
        Classifier classifier = new Classifier(
                decoder, tokenizer, new ClassificationPrompt(tokenizer, template, maxLength), adapter);
        byName.put(name, new ServedModel(
                name, parent, labels, maxLength, classifier, adapter == null ? decoder::restore : adapter::select));
    }

    /// What a model directory is called.
    public static String nameOf(Path directory) {
        Path name = directory.toAbsolutePath().normalize().getFileName();
        return name == null ? "model" : name.toString();
    }

    /// The model of a name; empty if there is none.
    public Optional<ServedModel> find(String name) {
        return Optional.ofNullable(byName.get(name));
    }

    /// What requests get that name no model: the first adapter, or else the bare model.
    public ServedModel defaultModel() {
        return byName.firstEntry().getValue();
    }

    /// Everything that can be named, the default first.
    public Collection<ServedModel> all() {
        return byName.sequencedValues();
    }

    /// The base model.
    public Decoder decoder() {
        return decoder;
    }

    /// Turns texts into tokens.
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /// Turns conversations into texts.
    public ChatTemplate template() {
        return template;
    }

    @Override
    public void close() {
        byName.values().forEach(model -> model.classifier().close());
        decoder.close();
        backend.close();
    }
}
