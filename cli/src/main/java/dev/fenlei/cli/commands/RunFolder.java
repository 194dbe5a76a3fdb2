package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.train.Trainer;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// The folder of one training run: what was asked, what happened, what came out.
final class RunFolder implements AutoCloseable {

    private static final DateTimeFormatter NAME = DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss");
    private static final JsonMapper JSON = JsonMapper.shared();

    private final Path path;
    private final BufferedWriter metrics;

    /// @param wanted the folder to use; null makes one under `runs/`
    /// @throws UserErrorException if the folder holds a run already
    static RunFolder create(@Nullable Path wanted) throws IOException {
        Path path = wanted;
        if (path == null) {
            String name = NAME.format(LocalDateTime.now());
            path = Path.of("runs", name);
            for (int i = 2; Files.exists(path); i++) {
                path = Path.of("runs", name + "-" + i);
            }
        }
        if (Files.isRegularFile(path)) {
            throw new UserErrorException(path + " is a file; --out names a folder");
        }
        if (Files.exists(path.resolve("run.json"))) {
            throw new UserErrorException(path + " holds a run already; choose another --out or remove it");
        }
        Files.createDirectories(path);
        return new RunFolder(path);
    }

    private RunFolder(Path path) throws IOException {
        this.path = path;
        this.metrics = Files.newBufferedWriter(
                path.resolve("metrics.jsonl"), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    Path path() {
        return path;
    }

    Path adapter() {
        return path.resolve("adapter");
    }

    /// Writes `run.json`: settings, hashes of data and model, code version, hardware.
    void writeRun(Map<String, Object> settings, Path model, Path data) throws IOException {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("started", Instant.now().toString());
        json.put("settings", settings);
        json.put("data", data.toString());
        json.put("data_sha256", hash(data));
        json.put("model", model.toString());
        json.put("model_config_sha256", hash(model.resolve("config.json")));
        json.put("fenlei_version", RunFolder.class.getPackage().getImplementationVersion());
        json.put("java", Runtime.version().toString());
        json.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
        json.put("processors", Runtime.getRuntime().availableProcessors());
        json.put("vector_bits", CpuBackend.vectorBits());
        json.put(
                "command",
                ProcessHandle.current().info().arguments().map(List::of).orElse(List.of()));
        DurableFiles.write(
                path.resolve("run.json"),
                JsonMapper.builder()
                        .enable(SerializationFeature.INDENT_OUTPUT)
                        .build()
                        .writeValueAsString(json)
                        .getBytes(StandardCharsets.UTF_8));
    }

    /// Appends one step to `metrics.jsonl`.
    void step(Trainer.Step step, double tokensPerSecond) throws IOException {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("step", step.step());
        line.put("epoch", step.epoch());
        line.put("loss", step.loss());
        line.put("learning_rate", step.learningRate());
        line.put("gradient_norm", step.gradientNorm());
        line.put("tokens_per_second", tokensPerSecond);
        metrics.write(JSON.writeValueAsString(line));
        metrics.newLine();
        metrics.flush();
    }

    /// SHA-256 over a file, or over the files of a folder in the order of their names.
    private static String hash(Path path) throws IOException {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            List<Path> files;
            if (Files.isDirectory(path)) {
                try (Stream<Path> list = Files.list(path)) {
                    files = list.filter(Files::isRegularFile).sorted().toList();
                }
            } else {
                files = List.of(path);
            }
            byte[] buffer = new byte[1 << 16];
            for (Path file : files) {
                try (InputStream in = Files.newInputStream(file)) {
                    for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                        digest.update(buffer, 0, n);
                    }
                }
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() throws IOException {
        metrics.close();
    }
}
