package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// A model of a few thousand weights with a tokenizer and a chat template, made in one step of training.
final class TinyModel {

    static final int HIDDEN_SIZE = 16;
    static final int VOCABULARY_SIZE = 300;

    private TinyModel() {}

    static Path pretrain(Path folder) throws IOException {
        return pretrain(folder, 128);
    }

    /// @param positions the most tokens it can read
    static Path pretrain(Path folder, int positions) throws IOException {
        List<String> rows = IntStream.range(0, 40)
                .mapToObj(i -> "{\"text\": \"今天天气很好，第" + i + "天。 hello world hello weather\"}")
                .toList();
        Path data = Files.write(folder.resolve("corpus.jsonl"), rows);
        Path model = folder.resolve("model");
        CommandRun run = CommandRun.of(
                "pretrain", "--data", data, "--out", model, "--vocab-size", VOCABULARY_SIZE,
                "--hidden-size", HIDDEN_SIZE,
                "--intermediate-size", 32, "--layers", 1, "--heads", 2, "--kv-heads", 1, "--max-positions", positions,
                "--sequence-length", 16, "--max-steps", 1, "--batch-size", 4);
        assertThat(run.status()).as(run.err()).isZero();
        return model;
    }

    static void copy(Path model, Path target) throws IOException {
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.copy(file, target.resolve(file.getFileName()));
            }
        }
    }
}
