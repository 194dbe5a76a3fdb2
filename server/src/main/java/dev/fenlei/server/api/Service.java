package dev.fenlei.server.api;

import dev.fenlei.engine.generate.Generation;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.classify.Classifier.Prepared;
import dev.fenlei.server.Limit;
import dev.fenlei.server.ServerSettings;
import dev.fenlei.server.http.ApiError;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.inference.InferenceLoop;
import dev.fenlei.server.inference.Models;
import dev.fenlei.server.inference.Scoring;
import dev.fenlei.server.inference.ServedModel;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/// What the endpoints share: the models, the queue before them, and the checks of what goes there.
final class Service {

    private final ServerSettings settings;
    private final InferenceLoop loop;

    Service(ServerSettings settings, InferenceLoop loop) {
        this.settings = settings;
        this.loop = loop;
    }

    ServerSettings settings() {
        return settings;
    }

    InferenceLoop loop() {
        return loop;
    }

    int limit(Limit limit) {
        return settings.limits().count(limit);
    }

    /// The models; only for requests that wait or are computed, as these come when the models are open.
    Models models() {
        return loop.models().join();
    }

    /// The model that a request names in its field `model`, or else the default.
    ServedModel model(Fields fields) {
        String name = fields.text("model");
        return name == null
                ? models().defaultModel()
                : models().find(name).orElseThrow(() -> ApiError.noModel(
                        models().all().stream().map(ServedModel::name).collect(Collectors.joining(", "))));
    }

    /// Checks a text against the limits.
    void requireFits(String text, String path) {
        int maxCharacters = limit(Limit.MAX_TEXT_CHARACTERS);
        if (text.length() > maxCharacters) {
            throw ApiError.invalid(path, "has " + text.length() + " characters, more than " + maxCharacters);
        }
        if (text.isBlank()) {
            throw ApiError.invalid(path, "is blank");
        }
        int maxTokens = limit(Limit.MAX_TEXT_TOKENS);
        // A UTF-16 unit is three bytes at most, and a token one at least.
        if (text.length() * 3L > maxTokens) {
            int tokens = models().tokenizer().encode(text).length;
            if (tokens > maxTokens) {
                throw ApiError.invalid(path, "has " + tokens + " tokens, more than " + maxTokens);
            }
        }
    }

    /// Classifies texts that all have the same candidates.
    ///
    /// @param path of the field that holds the texts
    /// @param candidates null for the label set of the model
    Scoring.Result classify(
            Call call, ServedModel model, List<String> texts, String path, @Nullable Candidates candidates)
            throws ExecutionException, InterruptedException {
        Candidates chosen = candidates == null ? Candidates.of(model) : candidates;
        List<Prepared> prepared = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            requireFits(texts.get(i), texts.size() == 1 ? path : path + "[" + i + "]");
            prepared.add(prepare(model, texts.get(i), chosen));
            requireTime(call);
        }
        Scoring scoring = new Scoring(model, prepared);
        loop.submit(scoring);
        return call.await(scoring.result());
    }

    private static Prepared prepare(ServedModel model, String text, Candidates candidates) {
        try {
            return model.classifier().prepare(
                    new Classifier.Request(text, candidates.labels(), candidates.descriptions()));
        } catch (IllegalArgumentException e) {
            throw ApiError.invalid(candidates.path(), String.valueOf(e.getMessage()));
        }
    }

    private static void requireTime(Call call) {
        if (call.remainingNanos() < 0) {
            throw ApiError.deadline(call.deadlineMillis());
        }
    }

    /// The tokens that end an answer.
    Set<Integer> endTokens() {
        Set<Integer> ends = new HashSet<>(models().decoder().config().eosTokenIds());
        models().tokenizer().idOf(models().template().endOfTurn()).ifPresent(ends::add);
        return ends;
    }

    /// Settings of a generation that a request gave.
    static Generation generation(
            int maxNewTokens, double temperature, double topP, Set<Integer> endTokens, int vocabulary, long seed) {
        return new Generation(maxNewTokens, temperature, 0, topP, 1, endTokens, vocabulary, seed);
    }
}
