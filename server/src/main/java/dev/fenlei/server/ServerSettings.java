package dev.fenlei.server;

import dev.fenlei.engine.model.Quantization;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// What to serve, where, and to whom. Immutable; every `with` method gives changed settings.
///
/// @param model a model directory in Hugging Face form
/// @param adapters PEFT directories by the names that requests choose them by; the first is used where a request names none.
///     The bare model can be chosen by the name of its directory
/// @param maxLength the most tokens of a prompt and its label; null for what each adapter was trained with, else 384
/// @param host the address to bind to. Any but a loopback address needs a key, or `insecure`
/// @param port 0 for any free one
/// @param apiKeys a request must bring one of them, if there are any
/// @param insecure serve strangers without a key
/// @param tls null for plain HTTP
/// @param corsOrigins the origins whose pages may call the service from a browser, such as `https://example.org`; `*` for all
/// @param limits what is bounded
/// @param backend what computes
/// @param quantization whether the model's matrices are held in fewer bits
public record ServerSettings(
        Path model,
        SequencedMap<String, Path> adapters,
        @Nullable Integer maxLength,
        String host,
        int port,
        List<String> apiKeys,
        boolean insecure,
        @Nullable Tls tls,
        List<String> corsOrigins,
        Limits limits,
        BackendFactory backend,
        Quantization quantization) {

    /// The address that only programs of the same machine reach.
    public static final String DEFAULT_HOST = "127.0.0.1";

    /// The port of the original service.
    public static final int DEFAULT_PORT = 8000;

    /// @throws IllegalArgumentException if the port is none, or a key cannot stand in a header
    public ServerSettings {
        adapters = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(adapters));
        apiKeys = List.copyOf(apiKeys);
        corsOrigins = List.copyOf(corsOrigins);
        if (port < 0 || port > 65535) {
            throw new IllegalArgumentException("the port must lie between 0 and 65535, it is " + port);
        }
        if (!apiKeys.stream().allMatch(key -> key.matches("[!-~]+"))) {
            throw new IllegalArgumentException("an API key must consist of visible ASCII characters, at least one");
        }
    }

    /// The bare model on the loopback interface, with every default.
    public static ServerSettings of(Path model) {
        return new ServerSettings(
                model, new LinkedHashMap<>(), null, DEFAULT_HOST, DEFAULT_PORT, List.of(), false, null, List.of(),
                Limits.defaults(), BackendFactory.cpu(), Quantization.NONE);
    }

    /// With one more adapter.
    public ServerSettings withAdapter(String name, Path directory) {
        SequencedMap<String, Path> more = new LinkedHashMap<>(adapters);
        more.put(name, directory);
        return new ServerSettings(
                model, more, maxLength, host, port, apiKeys, insecure, tls, corsOrigins, limits, backend, quantization);
    }

    /// With another room for prompts.
    public ServerSettings withMaxLength(@Nullable Integer tokens) {
        return new ServerSettings(
                model, adapters, tokens, host, port, apiKeys, insecure, tls, corsOrigins, limits, backend,
                quantization);
    }

    /// At another address.
    public ServerSettings withHost(String address) {
        return new ServerSettings(
                model, adapters, maxLength, address, port, apiKeys, insecure, tls, corsOrigins, limits, backend,
                quantization);
    }

    /// At another port.
    public ServerSettings withPort(int number) {
        return new ServerSettings(
                model, adapters, maxLength, host, number, apiKeys, insecure, tls, corsOrigins, limits, backend,
                quantization);
    }

    /// With one more key.
    public ServerSettings withApiKey(String key) {
        List<String> more = new ArrayList<>(apiKeys);
        more.add(key);
        return new ServerSettings(
                model, adapters, maxLength, host, port, more, insecure, tls, corsOrigins, limits, backend,
                quantization);
    }

    /// Open to strangers, or not.
    public ServerSettings withInsecure(boolean open) {
        return new ServerSettings(
                model, adapters, maxLength, host, port, apiKeys, open, tls, corsOrigins, limits, backend, quantization);
    }

    /// With encryption.
    public ServerSettings withTls(Tls files) {
        return new ServerSettings(
                model, adapters, maxLength, host, port, apiKeys, insecure, files, corsOrigins, limits, backend,
                quantization);
    }

    /// With one more origin whose pages may call.
    public ServerSettings withCorsOrigin(String origin) {
        List<String> more = new ArrayList<>(corsOrigins);
        more.add(origin);
        return new ServerSettings(
                model, adapters, maxLength, host, port, apiKeys, insecure, tls, more, limits, backend, quantization);
    }

    /// With other limits.
    public ServerSettings withLimits(Limits other) {
        return new ServerSettings(
                model, adapters, maxLength, host, port, apiKeys, insecure, tls, corsOrigins, other, backend,
                quantization);
    }

    /// With another value of one limit.
    public ServerSettings withLimit(Limit limit, long value) {
        return withLimits(limits.with(limit, value));
    }

    /// Computed by something else.
    public ServerSettings withBackend(BackendFactory factory) {
        return new ServerSettings(
                model, adapters, maxLength, host, port, apiKeys, insecure, tls, corsOrigins, limits, factory,
                quantization);
    }

    /// With the model's matrices in other bits.
    public ServerSettings withQuantization(Quantization other) {
        return new ServerSettings(
                model, adapters, maxLength, host, port, apiKeys, insecure, tls, corsOrigins, limits, backend, other);
    }

    /// Shows everything but the keys.
    @Override
    public String toString() {
        return "ServerSettings[model=" + model + ", adapters=" + Map.copyOf(adapters) + ", host=" + host + ", port="
                + port + ", apiKeys=" + apiKeys.size() + ", insecure=" + insecure + ", tls=" + tls + "]";
    }
}
