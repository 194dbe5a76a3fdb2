package dev.fenlei.cli;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// What a command did.
record CommandRun(int status, String out, String err) {

    static CommandRun of(Object... args) {
        return of(new Interruption(Duration.ZERO), args);
    }

    static CommandRun of(Interruption interruption, Object... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        List<String> words = Stream.of(args).map(Object::toString).toList();
        int status = Fenlei.run(words, new PrintWriter(out), new PrintWriter(err, true), interruption);
        return new CommandRun(status, out.toString(), err.toString());
    }

    static CommandRun withInput(String input, Object... args) {
        InputStream before = System.in;
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        try {
            return of(args);
        } finally {
            System.setIn(before);
        }
    }

    JsonNode json() {
        return JsonMapper.shared().readTree(out);
    }

    List<JsonNode> jsonLines() {
        return out.lines().map(line -> (JsonNode) JsonMapper.shared().readTree(line)).toList();
    }

    /// A file or folder of the reference values, without which a test is skipped.
    static Path golden(String name) {
        Path path = Path.of(System.getProperty("fenlei.golden", "../../shared/golden")).resolve(name);
        Assumptions.assumeTrue(Files.exists(path), () -> "skipped: no reference values at " + path);
        return path;
    }
}
