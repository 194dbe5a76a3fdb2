package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Interruption;
import dev.fenlei.cli.Logging;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.server.ClassificationServer;
import dev.fenlei.server.Limits;
import dev.fenlei.server.ServerSettings;
import dev.fenlei.server.Tls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `serve`: the HTTP service, until it is told to end.
@Command(
        name = "serve",
        aliases = "deploy",
        modelTransformer = LimitOptions.class,
        description = {
            "Classify over HTTP. Prints the address to standard output; GET /docs there shows the API.",
            "Every option is also an environment variable: --max-queue is FENLEI_MAX_QUEUE. Options win over variables, variables "
                    + "over the file of --config."
        })
public final class ServeCommand extends FenleiCommand {

    private static final long MAX_KEY_FILE_BYTES = 1 << 16;

    @Mixin
    private ModelOptions modelOptions = new ModelOptions();

    @Option(names = {"--adapter", "--adapter_path", "--adapter-path"}, paramLabel = "[NAME=]DIR", split = ",",
            description = "Adapter directory in PEFT form, and the name that requests choose it by (default: that of the "
                    + "directory); repeatable, the first is the default (default: the bare model).")
    private List<String> adapters = List.of();

    @Option(names = "--max-length",
            description = "The most tokens of a prompt and its label (default: what an adapter was trained with, else 384).")
    private @Nullable Integer maxLength;

    @Option(names = "--host",
            description = "The address to listen on; any but a loopback address needs --api-key or --insecure (default: "
                    + "${DEFAULT-VALUE}).")
    private String host = ServerSettings.DEFAULT_HOST;

    @Option(names = "--port", description = "The port; 0 for any free one (default: ${DEFAULT-VALUE}).")
    private int port = ServerSettings.DEFAULT_PORT;

    @Option(names = "--api-key", paramLabel = "KEY", split = ",",
            description = "A key that requests must bring; repeatable. Other users of the machine can see options of programs: "
                    + "better set FENLEI_API_KEY or --api-key-file.")
    private List<String> apiKeys = List.of();

    @Option(names = "--api-key-file", paramLabel = "FILE", description = "More keys, one in a line.")
    private @Nullable Path apiKeyFile;

    @Option(names = "--insecure", description = "Let strangers use the service without a key.")
    private boolean insecure;

    @Option(names = "--tls-cert", paramLabel = "FILE", description = "Certificate chain in PEM form: serve HTTPS.")
    private @Nullable Path tlsCertificate;

    @Option(names = "--tls-key", paramLabel = "FILE",
            description = "Its private key in PEM form, PKCS #8, not encrypted.")
    private @Nullable Path tlsKey;

    @Option(names = "--cors-origin", paramLabel = "ORIGIN", split = ",",
            description = "An origin whose pages may call the service, such as https://example.org; repeatable, * for all "
                    + "(default: none).")
    private List<String> corsOrigins = List.of();

    @Override
    protected int run() throws Exception {
        Logging.showService();
        interruption().exitWithStatusOfCommand();
        ServerSettings settings = settings();
        try (ClassificationServer server = ClassificationServer.start(settings);
                Interruption.Registration _ = interruption().onRequest(server::close)) {
            out().println("listening on " + server.uri());
            out().flush();
            try {
                server.awaitReady();
            } catch (IOException | RuntimeException e) {
                if (interruption().requested()) {
                    return OK;
                }
                throw e;
            }
            say("ready: " + String.join(", ", settings.adapters().keySet())
                    + (settings.adapters().isEmpty() ? "" : " on ") + settings.model().getFileName());
            server.awaitEnd();
        }
        return OK;
    }

    private ServerSettings settings() throws IOException {
        SequencedMap<String, Path> named = namedAdapters();
        Path model = modelOptions.model(named.isEmpty() ? null : named.firstEntry().getValue());
        Limits limits = LimitOptions.limits(spec());
        return Arguments.checked(() -> {
            ServerSettings settings = ServerSettings.of(model)
                    .withMaxLength(maxLength)
                    .withHost(host)
                    .withPort(port)
                    .withInsecure(insecure)
                    .withLimits(limits)
                    .withBackend(modelOptions::backend)
                    .withQuantization(modelOptions.quantization);
            for (Map.Entry<String, Path> adapter : named.entrySet()) {
                settings = settings.withAdapter(adapter.getKey(), adapter.getValue());
            }
            for (String key : keys()) {
                settings = settings.withApiKey(key);
            }
            for (String origin : corsOrigins) {
                settings = settings.withCorsOrigin(origin);
            }
            return tls() == null ? settings : settings.withTls(tls());
        });
    }

    private SequencedMap<String, Path> namedAdapters() {
        SequencedMap<String, Path> named = new LinkedHashMap<>();
        for (String adapter : adapters) {
            int equals = adapter.indexOf('=');
            Path directory = Path.of(adapter.substring(equals + 1));
            String name = equals < 0 ? name(directory) : adapter.substring(0, equals);
            if (name.isBlank() || named.put(name, directory) != null) {
                throw new UserErrorException(
                        "--adapter " + adapter + ": the name '" + name + "' is empty or taken; write NAME=DIR");
            }
        }
        return named;
    }

    /// Training calls every adapter `adapter`; the folder of the run is the better name.
    private static String name(Path directory) {
        Path whole = directory.toAbsolutePath().normalize();
        Path parent = whole.getParent();
        Path run = parent == null ? null : parent.getFileName();
        return String.valueOf(whole.endsWith("adapter") && run != null ? run : whole.getFileName());
    }

    private List<String> keys() {
        if (apiKeyFile == null) {
            return apiKeys;
        }
        try {
            if (Files.size(apiKeyFile) > MAX_KEY_FILE_BYTES) {
                throw new UserErrorException(apiKeyFile + ": is too large for a file of keys");
            }
            List<String> more = Files.readAllLines(apiKeyFile).stream()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty())
                    .toList();
            if (more.isEmpty()) {
                throw new UserErrorException(apiKeyFile + ": holds no key");
            }
            return Stream.concat(apiKeys.stream(), more.stream()).toList();
        } catch (IOException e) {
            throw new UserErrorException(apiKeyFile + ": cannot be read (" + e.getMessage() + ")", e);
        }
    }

    private @Nullable Tls tls() {
        if (tlsCertificate == null && tlsKey == null) {
            return null;
        }
        if (tlsCertificate == null || tlsKey == null) {
            throw new UserErrorException("--tls-cert and --tls-key belong together");
        }
        return new Tls(tlsCertificate, tlsKey);
    }
}
