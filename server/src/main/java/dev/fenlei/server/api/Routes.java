package dev.fenlei.server.api;

import static dev.fenlei.server.http.Route.Access.KEY;
import static dev.fenlei.server.http.Route.Access.OPEN;

import dev.fenlei.server.ServerSettings;
import dev.fenlei.server.http.Gate;
import dev.fenlei.server.http.Route;
import dev.fenlei.server.inference.InferenceLoop;
import dev.fenlei.server.metrics.Metrics;
import java.util.List;
import java.util.function.Supplier;

/// Everything that the service answers to.
public final class Routes {

    private static final String HTML = "text/html; charset=utf-8";
    private static final String SCRIPT = "text/javascript; charset=utf-8";
    private static final String STYLE = "text/css; charset=utf-8";

    private Routes() {}

    /// The routes of one service.
    public static List<Route> of(
            ServerSettings settings, InferenceLoop loop, Metrics metrics, Supplier<Gate.State> state) {
        Service service = new Service(settings, loop);
        Status status = new Status(service, state);
        return List.of(
                Route.get("/health", OPEN, status::health),
                Route.get("/ready", OPEN, status::ready),
                Route.post("/classify", new OriginalClassify(service)),
                Route.post("/predict", new Predict(service)),
                Route.post("/tokenize", new Tokenize(service)),
                Route.post("/v1/classify", new Classify(service)),
                Route.post("/v1/chat/completions", new ChatCompletions(service)),
                Route.get("/v1/models", KEY, status::models),
                Route.get("/info", KEY, status::info),
                Route.get("/metrics", KEY, call -> {
                    Metrics.Page page = metrics.page(call.accept());
                    call.reply(200, page.contentType(), page.text());
                }),
                Route.get("/openapi.json", KEY, Resources.file("openapi.json", "application/json")),
                Route.get("/", KEY, Resources.file("index.html", HTML)),
                Route.get("/page.js", KEY, Resources.file("page.js", SCRIPT)),
                Route.get("/page.css", KEY, Resources.file("page.css", STYLE)),
                Route.get("/docs", KEY, Resources.file("docs.html", HTML)),
                Route.get("/docs/start.js", KEY, Resources.file("docs.js", SCRIPT)),
                Route.get("/docs/swagger-ui.js", KEY, Resources.file("swagger/swagger-ui-bundle.js", SCRIPT)),
                Route.get("/docs/swagger-ui.css", KEY, Resources.file("swagger/swagger-ui.css", STYLE)));
    }
}
