package dev.fenlei.server.api;

import dev.fenlei.lora.classify.Decision;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.http.Endpoint;
import dev.fenlei.server.inference.Scoring;
import dev.fenlei.server.inference.ServedModel;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// `POST /classify`: the contract of the original service, with more in the answer.
final class OriginalClassify implements Endpoint {

    /// @param predictedCategory the likeliest candidate
    /// @param status always `success`
    record Answer(
            @Nullable String predictedCategory,
            String status,
            double confidence,
            Map<String, Double> probabilities,
            double candidateMass,
            String model,
            Timings timings) {}

    private final Service service;

    OriginalClassify(Service service) {
        this.service = service;
    }

    @Override
    public void handle(Call call) throws Exception {
        Fields fields = new Fields(call.body());
        ServedModel model = service.model(fields);
        String text = Fields.text(fields.required("text"), "text");
        Candidates candidates = Candidates.of(fields, "category", service);
        Scoring.Result result = service.classify(call, model, List.of(text), "text", candidates);
        Decision decision = result.decisions().getFirst();
        call.reply(new Answer(
                decision.label(), "success", decision.confidence(), Ranking.probabilities(decision),
                decision.candidateMass(), model.name(), Timings.of(result)));
    }
}
