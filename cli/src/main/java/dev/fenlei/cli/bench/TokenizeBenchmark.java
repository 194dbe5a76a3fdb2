package dev.fenlei.cli.bench;

import dev.fenlei.cli.JsonInput;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/// Tokenizing the lines of a text file, on one thread.
public final class TokenizeBenchmark {

    private static final long MAX_FILE_BYTES = 1L << 30;

    private TokenizeBenchmark() {}

    /// @throws UserErrorException if the file is empty or too large
    public static Measurement run(Path model, Path data, Repetitions repetitions) throws IOException {
        Tokenizer tokenizer = Tokenizer.load(model);
        JsonInput.requireSize(data, MAX_FILE_BYTES);
        List<String> lines = Files.readAllLines(data);
        long bytes = lines.stream().mapToLong(line -> line.getBytes(StandardCharsets.UTF_8).length).sum();
        if (bytes == 0) {
            throw new UserErrorException(data + ": holds no text");
        }
        long[] tokens = {0};
        double[] seconds = repetitions.seconds(
                () -> tokens[0] = lines.stream().mapToLong(line -> tokenizer.encode(line).length).sum());
        double[] rates = Arrays.stream(seconds).map(s -> bytes / 1e6 / s).toArray();
        Map<String, Object> details = Map.of("model", model.toString(), "bytes", bytes, "tokens", tokens[0]);
        return Measurement.of("tokenize", "encode", "MB/s", rates, 1, details);
    }
}
