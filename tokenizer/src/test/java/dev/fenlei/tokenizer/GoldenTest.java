package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import tools.jackson.databind.JsonNode;

/// Token for token what the reference libraries give: every file `golden-tokens/NAME….jsonl` with the tokenizer
/// `tokenizers/NAME`.
final class GoldenTest {

    @TestFactory
    Stream<DynamicTest> encodesAndDecodesAsTheReference() throws IOException {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path file : list(Shared.path("golden-tokens"))) {
            String name = file.getFileName().toString();
            list(Shared.path("tokenizers")).stream()
                    .filter(tokenizer -> name.startsWith(tokenizer.getFileName().toString()))
                    .max(Comparator.comparing(tokenizer -> tokenizer.getFileName().toString().length()))
                    .ifPresent(tokenizer -> tests.add(DynamicTest.dynamicTest(name, () -> compare(file, tokenizer))));
        }
        return tests.stream();
    }

    private static List<Path> list(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.sorted().toList();
        }
    }

    private static void compare(Path file, Path directory) throws IOException {
        Tokenizer tokenizer = Tokenizer.load(directory);
        List<JsonNode> rows = Shared.rows(file);
        List<String> different = new ArrayList<>();
        for (JsonNode row : rows) {
            int[] ids = Shared.ids(row);
            String text = row.path("text").asString();
            boolean isDecoding = row.has("text_skip_special");
            if (!isDecoding && !Arrays.equals(tokenizer.encodeWithControlTokens(text), ids)) {
                different.add(text + " expected " + Arrays.toString(ids) + " got "
                        + Arrays.toString(tokenizer.encodeWithControlTokens(text)));
            }
            String decoded = isDecoding ? text : row.path("decoded").asString(tokenizer.decode(ids));
            if (!tokenizer.decode(ids).equals(decoded) || !stream(tokenizer, ids).equals(decoded)) {
                different.add(Arrays.toString(ids) + " expected " + decoded + " got " + tokenizer.decode(ids));
            }
            if (isDecoding && !tokenizer.decode(ids, true).equals(row.path("text_skip_special").asString())) {
                different.add(Arrays.toString(ids) + " without special tokens");
            }
        }
        assertThat(different).as("of %d", rows.size()).isEmpty();
    }

    private static String stream(Tokenizer tokenizer, int[] ids) {
        StreamingDecoder streaming = tokenizer.streamingDecoder(false);
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(streaming.accept(id));
        }
        return text.append(streaming.finish()).toString();
    }

    /// The first Qwen's vocabulary is that of its successors, in another form.
    @TestFactory
    Stream<DynamicTest> readsTheRanksOfQwen() throws IOException {
        Path ranks = Shared.path("tokenizers/qwen-tiktoken");
        Path golden = Shared.path("golden-tokens/qwen2.jsonl");
        return Stream.of(DynamicTest.dynamicTest("qwen.tiktoken", () -> compare(golden, ranks)));
    }
}
