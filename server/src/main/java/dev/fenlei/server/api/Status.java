package dev.fenlei.server.api;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.server.Limit;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.http.Gate;
import dev.fenlei.server.http.Json;
import dev.fenlei.server.inference.Models;
import dev.fenlei.server.inference.ServedModel;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// What the service says of itself: `/health`, `/ready`, `/v1/models` and `/info`. None of it waits for a model, and none tells
/// where files lie.
final class Status {

    record Health(String status, String model) {}

    record Readiness(String status) {}

    /// @param parent the base model of an adapter
    /// @param labels the label set of an adapter
    record ModelItem(
            String id, String object, long created, String ownedBy, @Nullable String parent, List<String> labels,
            int maxLength) {}

    record ModelList(String object, List<ModelItem> data) {}

    record Info(
            String name, String version, String status, String model, String baseModel, long uptimeSeconds,
            @Nullable Architecture architecture, List<ModelItem> models, Map<String, Long> limits) {}

    record Architecture(String modelType, long parameters, int maxPositions, int vocabulary, String backend) {}

    private final Service service;
    private final Supplier<Gate.State> state;
    private final Instant started = Instant.now();
    private final String baseModel;
    private final String defaultModel;

    Status(Service service, Supplier<Gate.State> state) {
        this.service = service;
        this.state = state;
        this.baseModel = Models.nameOf(service.settings().model());
        this.defaultModel = service.settings().adapters().isEmpty()
                ? baseModel
                : service.settings().adapters().firstEntry().getKey();
    }

    void health(Call call) {
        call.reply(new Health("healthy", defaultModel));
    }

    void ready(Call call) {
        String word = word();
        int status = state.get() == Gate.State.READY ? 200 : 503;
        call.reply(status, "application/json", Json.write(new Readiness(word)));
    }

    void models(Call call) {
        call.reply(new ModelList("list", items()));
    }

    void info(Call call) {
        Models models = service.loop().modelsIfReady();
        Map<String, Long> limits = new LinkedHashMap<>();
        for (Limit limit : Limit.values()) {
            limits.put(limit.name().toLowerCase(Locale.ROOT), service.settings().limits().get(limit));
        }
        String version = Status.class.getPackage().getImplementationVersion();
        call.reply(new Info(
                "fenlei", version == null ? "development" : version, word(), defaultModel, baseModel,
                Duration.between(started, Instant.now()).toSeconds(), models == null ? null : architecture(models),
                items(), limits));
    }

    private String word() {
        return state.get().name().toLowerCase(Locale.ROOT);
    }

    private static Architecture architecture(Models models) {
        var config = models.decoder().config();
        Backend backend = models.decoder().backend();
        return new Architecture(
                config.modelType(), config.parameters(), config.maxPositions(), config.vocabSize(), backend.name());
    }

    private List<ModelItem> items() {
        Models models = service.loop().modelsIfReady();
        return models == null ? List.of() : models.all().stream().map(this::item).toList();
    }

    private ModelItem item(ServedModel model) {
        return new ModelItem(
                model.name(), "model", started.getEpochSecond(), "fenlei", model.parent(), model.labels(),
                model.maxLength());
    }
}
