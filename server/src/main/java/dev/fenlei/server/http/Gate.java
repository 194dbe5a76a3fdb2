package dev.fenlei.server.http;

import dev.fenlei.server.Limit;
import dev.fenlei.server.ServerSettings;
import dev.fenlei.server.inference.Admission;
import io.undertow.server.HttpHandler;
import io.undertow.server.HttpServerExchange;
import io.undertow.util.Headers;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.xnio.IoUtils;

/// What every request goes through. All of it happens on the connection's thread and waits for nothing, up to the endpoint of a
/// route that needs the models, which gets a virtual thread and one of the places for requests.
public final class Gate implements HttpHandler {

    /// Whether requests that need the models are taken.
    public enum State {
        /// Not yet.
        LOADING,
        /// Yes.
        READY,
        /// Not any more.
        DRAINING
    }

    private static final Logger LOG = LoggerFactory.getLogger(Gate.class);
    private static final Logger ACCESS = LoggerFactory.getLogger("dev.fenlei.server.access");

    /// How long an answered request may go on sending its body; closing at once could destroy the answer on its way.
    private static final long LINGER_MILLIS = 2000;

    private final RouteTable routes;
    private final ApiKeys keys;
    private final Origins origins;
    private final Admission admission;
    private final Supplier<State> state;
    private final ExecutorService executor;
    private final ExchangeObserver observer;
    private final BodyReader bodies;
    private final Json json;
    private final long deadlineMillis;
    private final long writeTimeoutMillis;

    /// @param loopbackOnly whether the service trusts whoever reaches the loopback interface
    public Gate(
            ServerSettings settings,
            boolean loopbackOnly,
            List<Route> routes,
            Admission admission,
            Supplier<State> state,
            ExecutorService executor,
            ExchangeObserver observer) {
        this.routes = new RouteTable(routes);
        this.keys = new ApiKeys(settings.apiKeys());
        this.origins = new Origins(settings.corsOrigins(), loopbackOnly);
        this.admission = admission;
        this.state = state;
        this.executor = executor;
        this.observer = observer;
        this.bodies = new BodyReader(settings.limits());
        this.json = new Json(settings.limits());
        this.deadlineMillis = settings.limits().get(Limit.DEADLINE_MS);
        this.writeTimeoutMillis = settings.limits().get(Limit.WRITE_TIMEOUT_MS);
    }

    @Override
    public void handleRequest(HttpServerExchange exchange) {
        RequestIds.assign(exchange);
        SecurityHeaders.put(exchange.getResponseHeaders());
        Route route = routes.find(exchange);
        observe(exchange, route);
        Call call = new Call(
                exchange, deadlineMillis, writeTimeoutMillis, () -> state.get() == State.DRAINING);
        try {
            Framing.check(exchange);
            if (origins.isPreflight(exchange)) {
                origins.check(exchange);
                origins.answerPreflight(exchange);
                exchange.endExchange();
                return;
            }
            origins.check(exchange);
            if ((route == null || route.access() != Route.Access.OPEN) && !keys.admits(exchange)) {
                exchange.getResponseHeaders().add(Headers.WWW_AUTHENTICATE, "Bearer realm=\"fenlei\"");
                exchange.getResponseHeaders().add(Headers.WWW_AUTHENTICATE, "Basic realm=\"fenlei\"");
                throw ApiError.unauthorized();
            }
            if (route == null) {
                throw routes.whyNone(exchange);
            }
            switch (route.place()) {
                case CONNECTION -> route.endpoint().handle(call);
                case QUEUE -> queue(exchange, route, call);
            }
        } catch (Exception e) {
            refuse(exchange, call, e);
        }
    }

    private void queue(HttpServerExchange exchange, Route route, Call call) {
        requireReady();
        if (admission.isFull()) {
            throw ApiError.full();
        }
        if (!route.method().equals("GET")) {
            requireJson(exchange);
        }
        exchange.dispatch(exchange.getIoThread(), () -> bodies.read(exchange, new BodyReader.Listener() {
            @Override
            public void complete(byte[] body) {
                try {
                    admit(exchange, route, call, body);
                } catch (RuntimeException e) {
                    refuse(exchange, call, e);
                }
            }

            @Override
            public void failed(ApiError error) {
                refuse(exchange, call, error);
            }
        }));
    }

    private void admit(HttpServerExchange exchange, Route route, Call call, byte[] body) {
        requireReady();
        if (!admission.tryEnter()) {
            throw ApiError.full();
        }
        ClientWatch.begin(exchange, call::leave);
        try {
            executor.execute(() -> serve(route, call, body));
        } catch (RejectedExecutionException e) {
            admission.leave();
            throw ApiError.draining();
        }
    }

    private void serve(Route route, Call call, byte[] body) {
        try {
            if (!route.method().equals("GET")) {
                call.body(json.object(body));
            }
            route.endpoint().handle(call);
        } catch (ClientGoneException e) {
            LOG.debug("Request {}: the client has gone away", call.requestId());
            call.abort();
        } catch (Exception e) {
            call.reply(explained(e, call));
        } finally {
            admission.leave();
        }
    }

    private void requireReady() {
        switch (state.get()) {
            case LOADING -> throw ApiError.loading();
            case DRAINING -> throw ApiError.draining();
            case READY -> {}
        }
    }

    /// A form of another page cannot send JSON, unless it is not called so.
    private static void requireJson(HttpServerExchange exchange) {
        String type = exchange.getRequestHeaders().getFirst(Headers.CONTENT_TYPE);
        String media = type == null ? "" : type.split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
        if (type != null && !media.equals("application/json") && !media.endsWith("+json")) {
            throw ApiError.notJson();
        }
    }

    /// Answers with an error although the body may still be on its way.
    private static void refuse(HttpServerExchange exchange, Call call, Exception e) {
        ApiError error = explained(e, call);
        if (!exchange.isRequestComplete()) {
            if (error.status() != 401 && error.status() != 429) {
                exchange.setPersistent(false);
            }
            exchange.getIoThread().executeAfter(() -> {
                if (!exchange.isComplete()) {
                    IoUtils.safeClose(exchange.getConnection());
                }
            }, LINGER_MILLIS, TimeUnit.MILLISECONDS);
        }
        call.reply(error);
    }

    private static ApiError explained(Exception e, Call call) {
        if (e instanceof ApiError error) {
            return error;
        }
        Throwable cause = e.getCause() == null ? e : e.getCause();
        if (cause instanceof RejectedExecutionException) {
            return ApiError.draining();
        }
        LOG.error("Request {} failed", call.requestId(), e);
        return ApiError.internal();
    }

    private void observe(HttpServerExchange exchange, @Nullable Route route) {
        long start = System.nanoTime();
        // The route and not what was asked for: that could hold anything, even a text.
        String path = route == null ? "unknown" : route.path();
        String method = RouteTable.isKnownMethod(exchange) ? exchange.getRequestMethod().toString() : "OTHER";
        exchange.addExchangeCompleteListener((over, next) -> {
            double seconds = (System.nanoTime() - start) / 1e9;
            observer.ended(path, method, over.getStatusCode(), seconds);
            ACCESS.info(
                    "{} {} {} {} {} B {} ms {}",
                    over.getSourceAddress().getHostString(), method, path, over.getStatusCode(),
                    over.getResponseBytesSent(),
                    String.format(Locale.ROOT, "%.1f", seconds * 1e3), RequestIds.of(over));
            next.proceed();
        });
    }
}
