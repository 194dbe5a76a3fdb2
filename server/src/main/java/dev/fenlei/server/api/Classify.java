package dev.fenlei.server.api;

import dev.fenlei.lora.classify.Decision;
import dev.fenlei.server.Limit;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.http.Endpoint;
import dev.fenlei.server.inference.Scoring;
import dev.fenlei.server.inference.ServedModel;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `POST /v1/classify`: one text or several, in the manner of OpenAI's API.
final class Classify implements Endpoint {

    private static final double MIN_TEMPERATURE = 0.01;
    private static final double MAX_TEMPERATURE = 100;

    /// The answer for one text.
    ///
    /// @param index its place in the input
    record Item(
            int index, String object, @Nullable String label, double confidence, List<Ranking> scores,
            double candidateMass) {}

    record Answer(
            String id, String object, long created, String model, List<Item> data, Usage usage, Timings timings) {}

    private final Service service;

    Classify(Service service) {
        this.service = service;
    }

    @Override
    public void handle(Call call) throws Exception {
        Fields fields = new Fields(call.body());
        ServedModel model = service.model(fields);
        List<String> texts = fields.texts("input", service.limit(Limit.MAX_INPUTS));
        Candidates candidates = Candidates.of(fields, "candidates", service);
        Integer most = fields.integer("top_k", 1, Integer.MAX_VALUE);
        Double temperature = fields.number("temperature", MIN_TEMPERATURE, MAX_TEMPERATURE);
        Scoring.Result result = service.classify(call, model, texts, "input", candidates);
        List<Item> items = new ArrayList<>();
        for (Decision plain : result.decisions()) {
            Decision decision = temperature == null ? plain : plain.withTemperature(temperature);
            items.add(new Item(
                    items.size(), "classification", decision.label(), decision.confidence(),
                    Ranking.of(decision, most == null ? Integer.MAX_VALUE : most), decision.candidateMass()));
        }
        call.reply(new Answer(
                "classify-" + call.requestId(), "list", Instant.now().getEpochSecond(), model.name(), items,
                Usage.of(result.decisions()), Timings.of(result)));
    }
}
