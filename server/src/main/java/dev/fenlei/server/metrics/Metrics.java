package dev.fenlei.server.metrics;

import dev.fenlei.server.http.ExchangeObserver;
import dev.fenlei.server.inference.Admission;
import dev.fenlei.server.inference.InferenceLoop;
import io.prometheus.metrics.core.metrics.Counter;
import io.prometheus.metrics.core.metrics.GaugeWithCallback;
import io.prometheus.metrics.core.metrics.Histogram;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.ExpositionFormats;
import io.prometheus.metrics.instrumentation.jvm.JvmMetrics;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The metrics of one service, for Prometheus. No label holds anything that a client chose.
public final class Metrics implements ExchangeObserver, InferenceLoop.Observer {

    private static final double[] SECONDS = {
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60
    };

    private final PrometheusRegistry registry = new PrometheusRegistry();
    private final ExpositionFormats formats = ExpositionFormats.init();

    private final Counter requests = Counter.builder()
            .name("fenlei_http_requests_total")
            .help("Requests that are over, by route, method and status.")
            .labelNames("route", "method", "status")
            .register(registry);

    private final Histogram requestSeconds = histogram(
            "fenlei_http_request_duration_seconds", "From the headers of a request to the end of its answer.", "route");

    private final Histogram queueSeconds = histogram("fenlei_queue_wait_seconds", "How long texts wait for their pass.",
            "model");

    private final Histogram passSeconds = histogram("fenlei_pass_duration_seconds", "How long passes of texts take.",
            "model");

    private final Histogram passTexts = Histogram.builder()
            .name("fenlei_pass_texts")
            .help("Texts in a pass.")
            .labelNames("model")
            .classicUpperBounds(1, 2, 4, 8, 16, 32, 64, 128, 256)
            .classicOnly()
            .register(registry);

    private final Counter tokens = Counter.builder()
            .name("fenlei_tokens_total")
            .help("Tokens computed: prompt of texts and conversations, completion of answers.")
            .labelNames("model", "kind")
            .register(registry);

    private final Histogram answerSeconds = histogram("fenlei_answer_duration_seconds",
            "How long answers of conversations take.", "model");

    /// @param admission whose places are shown
    public Metrics(Admission admission, int places) {
        GaugeWithCallback.builder()
                .name("fenlei_requests_in_flight")
                .help("Requests that wait or are computed.")
                .callback(callback -> callback.call(admission.taken()))
                .register(registry);
        GaugeWithCallback.builder()
                .name("fenlei_requests_in_flight_limit")
                .help("How many requests may wait or be computed; more are answered 429.")
                .callback(callback -> callback.call(places))
                .register(registry);
        JvmMetrics.builder().register(registry);
    }

    private Histogram histogram(String name, String help, String label) {
        return Histogram.builder()
                .name(name)
                .help(help)
                .labelNames(label)
                .classicUpperBounds(SECONDS)
                .classicOnly()
                .register(registry);
    }

    @Override
    public void ended(String route, String method, int status, double seconds) {
        requests.labelValues(route, method, Integer.toString(status)).inc();
        requestSeconds.labelValues(route).observe(seconds);
    }

    @Override
    public void passEnded(String model, int texts, int count, double seconds, List<Double> waits) {
        passTexts.labelValues(model).observe(texts);
        passSeconds.labelValues(model).observe(seconds);
        tokens.labelValues(model, "prompt").inc(count);
        waits.forEach(queueSeconds.labelValues(model)::observe);
    }

    @Override
    public void answerEnded(String model, int promptTokens, int newTokens, double seconds) {
        tokens.labelValues(model, "prompt").inc(promptTokens);
        tokens.labelValues(model, "completion").inc(newTokens);
        answerSeconds.labelValues(model).observe(seconds);
    }

    /// All metrics as text.
    ///
    /// @param contentType what format it is
    public record Page(String contentType, byte[] text) {}

    /// All metrics in the format that an `Accept` header prefers.
    public Page page(@Nullable String accept) {
        ExpositionFormatWriter writer = accept != null && accept.contains("application/openmetrics-text")
                ? formats.getOpenMetricsTextFormatWriter()
                : formats.getPrometheusTextFormatWriter();
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        try {
            writer.write(text, registry.scrape());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return new Page(writer.getContentType(), text.toByteArray());
    }
}
