package dev.fenlei.lora.run;

import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `metrics.jsonl`: what happened in a run, one JSON object a line, to which lines are only ever added.
public final class MetricsLog implements AutoCloseable {

    private static final JsonMapper JSON = JsonMapper.shared();

    private final Path file;
    private BufferedWriter writer;

    /// Opens a file to add lines to.
    MetricsLog(Path file) throws IOException {
        this.file = file;
        this.writer = open(file);
    }

    private static BufferedWriter open(Path file) throws IOException {
        return Files.newBufferedWriter(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /// Adds a line and hands it to the system, where it survives the end of this process.
    public void append(Map<String, ?> line) throws IOException {
        writer.write(JSON.writeValueAsString(line) + "\n");
        writer.flush();
    }

    /// Where it is.
    public Path file() {
        return file;
    }

    /// Everything written so far.
    byte[] contents() throws IOException {
        return Files.readAllBytes(file);
    }

    /// Goes back to earlier contents: what was written after them is done again.
    void replace(byte[] contents) throws IOException {
        writer.close();
        DurableFiles.write(file, contents);
        writer = open(file);
    }

    @Override
    public void close() throws IOException {
        writer.close();
    }

    /// The lines of a file that may be growing, or may have lost its end: a torn last line is left out.
    ///
    /// @throws RunException if a line before the last is no JSON object
    public static List<JsonNode> read(Path file) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        byte[] bytes = Files.readAllBytes(file);
        for (int start = 0; start < bytes.length;) {
            int end = start;
            while (end < bytes.length && bytes[end] != '\n') {
                end++;
            }
            if (end == bytes.length) {
                break;
            }
            try {
                lines.add(JSON.readTree(new String(bytes, start, end - start, StandardCharsets.UTF_8)));
            } catch (JacksonException e) {
                throw new RunException(file + ", line " + (lines.size() + 1) + ": is not JSON; remove it");
            }
            start = end + 1;
        }
        return lines;
    }
}
