package dev.fenlei.lora.classify;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.generate.Generation;
import dev.fenlei.engine.generate.Generator;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Classifies texts: the door for programs that embed the engine.
///
/// Not safe for use by several threads at once.
public final class Classifier implements AutoCloseable {

    /// The most tokens of a prompt and its label, as in the reference recipe.
    public static final int DEFAULT_MAX_LENGTH = 384;

    /// A text and what there is to choose from.
    ///
    /// @param candidates the labels
    /// @param descriptions what each of them means, for the prompt only; an empty one says nothing
    public record Request(String text, List<String> candidates, List<String> descriptions) {

        public Request {
            candidates = List.copyOf(candidates);
            descriptions = List.copyOf(descriptions);
            if (descriptions.size() != candidates.size()) {
                throw new IllegalArgumentException(
                        descriptions.size() + " descriptions for " + candidates.size() + " candidates");
            }
            if (candidates.isEmpty()) {
                throw new IllegalArgumentException("there is no candidate to choose from");
            }
            if (Set.copyOf(candidates).size() != candidates.size()) {
                throw new IllegalArgumentException("a candidate occurs twice: " + candidates);
            }
            if (candidates.stream().anyMatch(String::isBlank)) {
                throw new IllegalArgumentException("a candidate is blank");
            }
        }

        /// Candidates that need no description.
        public Request(String text, List<String> candidates) {
            this(text, candidates, Collections.nCopies(candidates.size(), ""));
        }

        private List<String> written() {
            return IntStream.range(0, candidates.size())
                    .mapToObj(i -> descriptions.get(i).isBlank()
                            ? candidates.get(i)
                            : candidates.get(i) + "（" + descriptions.get(i).strip() + "）")
                    .toList();
        }
    }

    /// A request in tokens, ready to be scored.
    ///
    /// @param candidates the labels
    /// @param query their tokens and those of the prompt
    /// @param promptTokens the length of the whole prompt
    public record Prepared(List<String> candidates, LabelScorer.Query query, int promptTokens) {

        /// The tokens to compute, at most: those behind the common prefix, and those of the labels.
        public int tokens() {
            return query.prompt().length + query.labels().stream().mapToInt(label -> label.length).sum();
        }
    }

    private final Decoder decoder;
    private final Tokenizer tokenizer;
    private final ClassificationPrompt prompt;
    private final LabelScorer scorer;
    private final int prefixLength;
    private final Runnable select;
    private final List<AutoCloseable> owned = new ArrayList<>();

    /// Over a decoder that someone else opened and will close. What the decoder's adapter is now must stay while the
    /// classifier is used, as the common prefix is computed here.
    public Classifier(Decoder decoder, Tokenizer tokenizer, ClassificationPrompt prompt) {
        this(decoder, tokenizer, prompt, () -> {});
    }

    /// Over a decoder that others share: the classifier selects its adapter before every pass. So one base model serves many
    /// adapters, each with a classifier and a common prefix of its own.
    ///
    /// @param adapter of this decoder; null for the bare model
    public Classifier(Decoder decoder, Tokenizer tokenizer, ClassificationPrompt prompt, @Nullable Adapter adapter) {
        this(decoder, tokenizer, prompt, adapter == null ? decoder::restore : adapter::select);
    }

    private Classifier(Decoder decoder, Tokenizer tokenizer, ClassificationPrompt prompt, Runnable select) {
        this.decoder = decoder;
        this.tokenizer = tokenizer;
        this.prompt = prompt;
        this.select = select;
        select.run();
        this.prefixLength = prompt.prefix().length;
        this.scorer = new LabelScorer(decoder, prompt.prefix(), prompt.endToken());
    }

    /// The CPU with one thread per processor, in the precision that suits a model directory.
    public static Backend cpu(Path model) throws IOException {
        return new CpuBackend(
                CpuBackend.defaultThreads(), CpuBackend.precisionFor(ModelFiles.weightType(model)));
    }

    /// Opens a model directory and an adapter on the CPU, in the precision that suits both.
    ///
    /// @param adapter a PEFT directory; null for the bare model
    public static Classifier load(Path model, @Nullable Path adapter) throws IOException {
        Backend backend = cpu(model);
        try {
            Decoder decoder = Decoder.load(model, backend);
            if (adapter != null) {
                Adapter.load(decoder, adapter);
            }
            Tokenizer tokenizer = Tokenizer.load(model);
            Classifier classifier = new Classifier(decoder, tokenizer,
                    new ClassificationPrompt(
                            tokenizer, ChatTemplate.detect(model, tokenizer), DEFAULT_MAX_LENGTH));
            classifier.owned.addAll(List.of(decoder, backend));
            return classifier;
        } catch (IOException | RuntimeException e) {
            backend.close();
            throw e;
        }
    }

    /// Classifies one text.
    public Decision classify(String text, List<String> candidates) {
        return classify(List.of(new Request(text, candidates))).getFirst();
    }

    /// Classifies texts together, which is faster than one by one.
    ///
    /// @throws IllegalArgumentException if the candidates of a request leave no room for its text
    public List<Decision> classify(List<Request> requests) {
        return decide(requests.stream().map(this::prepare).toList());
    }

    /// Turns a request into tokens. Unlike the rest of this class, it may be called by many threads at once, and while another
    /// thread scores.
    ///
    /// @throws IllegalArgumentException if the candidates leave no room for the text
    public Prepared prepare(Request request) {
        LabelScorer.Query query = new LabelScorer.Query(
                prompt.prompt(request.text(), request.candidates(), request.written()),
                request.candidates().stream().map(prompt::label).toList());
        return new Prepared(request.candidates(), query, prefixLength + query.prompt().length);
    }

    /// Classifies what this classifier has [prepared][#prepare].
    public List<Decision> decide(List<Prepared> prepared) {
        select.run();
        List<double[]> scores = scorer.score(prepared.stream().map(Prepared::query).toList());
        List<Decision> decisions = new ArrayList<>();
        for (int i = 0; i < prepared.size(); i++) {
            Prepared request = prepared.get(i);
            decisions.add(Decision.of(request.candidates(), scores.get(i), request.promptTokens()));
        }
        return decisions;
    }

    /// Lets the model write freely and looks whether it wrote a candidate, as the original did: greedy, without penalty.
    /// Probabilities are 1 for the written candidate and 0 elsewhere; an answer outside the candidates has no label.
    public Decision classifyByGeneration(Request request) {
        int[] tail = prompt.prompt(request.text(), request.candidates());
        int[] prefix = prompt.prefix();
        int[] ids = Arrays.copyOf(prefix, prefix.length + tail.length);
        System.arraycopy(tail, 0, ids, prefix.length, tail.length);
        int longest = request.candidates().stream()
                .mapToInt(c -> prompt.label(c).length)
                .max()
                .orElse(0);
        Generation settings = Generation.greedy(longest + 1, Set.of(prompt.endToken()), tokenizer.size());
        select.run();
        int[] answer = Generator.generate(decoder, ids, settings, id -> true);
        boolean ended = answer.length > 0 && answer[answer.length - 1] == prompt.endToken();
        String text = ended ? tokenizer.decode(Arrays.copyOf(answer, answer.length - 1)).strip() : "";
        int index = request.candidates().indexOf(text);
        double[] probabilities = new double[request.candidates().size()];
        if (index >= 0) {
            probabilities[index] = 1;
        }
        return new Decision(
                index < 0 ? null : text, request.candidates(), probabilities, index < 0 ? 0 : 1, ids.length);
    }

    @Override
    public void close() {
        scorer.close();
        for (AutoCloseable resource : owned) {
            try {
                resource.close();
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
