package dev.fenlei.server.api;

import dev.fenlei.server.Limit;
import dev.fenlei.server.http.ApiError;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.http.Endpoint;
import dev.fenlei.server.inference.Scoring;
import dev.fenlei.server.inference.ServedModel;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// `POST /predict`: in the shape of Hugging Face's pipelines and of text-embeddings-inference. One text gives a list of labels
/// and scores, a list of texts a list of such lists.
final class Predict implements Endpoint {

    private static final String INPUTS = "inputs";
    private static final String LABELS = "candidate_labels";

    private final Service service;

    Predict(Service service) {
        this.service = service;
    }

    @Override
    public void handle(Call call) throws Exception {
        Fields fields = new Fields(call.body());
        ServedModel model = service.model(fields);
        JsonNode inputs = fields.required(INPUTS);
        JsonNode given = fields.get("parameters");
        Fields parameters = given == null ? fields : new Fields(given, "parameters");
        Integer most = parameters.integer("top_k", 1, Integer.MAX_VALUE);
        Scoring.Result result = service.classify(call, model, texts(inputs), INPUTS, candidates(fields, parameters));
        List<List<Ranking>> rankings = result.decisions().stream()
                .map(decision -> Ranking.of(decision, most == null ? Integer.MAX_VALUE : most))
                .toList();
        call.reply(inputs.isString() ? rankings.getFirst() : rankings);
    }

    private @Nullable Candidates candidates(Fields fields, Fields parameters) {
        Candidates candidates = Candidates.of(parameters, LABELS, service);
        return candidates == null ? Candidates.of(fields, LABELS, service) : candidates;
    }

    private List<String> texts(JsonNode inputs) {
        if (inputs.isString()) {
            return List.of(Fields.text(inputs, INPUTS));
        }
        Fields.requireSize(inputs, INPUTS, service.limit(Limit.MAX_INPUTS));
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            String path = INPUTS + "[" + i + "]";
            JsonNode input = inputs.get(i);
            // A batch of text-embeddings-inference holds a list for each text, as a text may there come with another.
            if (input.isArray()) {
                if (input.size() != 1) {
                    throw ApiError.invalid(path, "must hold one text; pairs of texts are not classified");
                }
                input = input.get(0);
            }
            texts.add(Fields.text(input, path));
        }
        return texts;
    }
}
