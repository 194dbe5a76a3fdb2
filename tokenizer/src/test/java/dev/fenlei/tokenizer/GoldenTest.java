package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/// Token for token what the Rust `tokenizers` library gives.
final class GoldenTest {

    @ParameterizedTest
    @CsvSource({
        "qwen2, qwen2.jsonl",
        "qwen2, qwen2-codepoints.jsonl",
        "qwen3, qwen3.jsonl",
    })
    void encodesAsTheReference(String tokenizerName, String file) throws IOException {
        Tokenizer tokenizer = Shared.tokenizer(tokenizerName);
        List<String> different = new ArrayList<>();
        List<JsonNode> rows = Shared.golden(file);
        for (JsonNode row : rows) {
            String text = row.path("text").asString();
            int[] expected = Shared.ids(row);
            int[] actual = tokenizer.encodeWithControlTokens(text);
            if (!Arrays.equals(actual, expected)) {
                different.add(row.path("kind").asString() + " " + text + " expected "
                        + Arrays.toString(expected) + " got " + Arrays.toString(actual));
            }
            if (row.has("decoded") && !tokenizer.decode(expected).equals(row.path("decoded").asString())) {
                different.add("decoded: " + text);
            }
        }
        assertThat(different).as("of %d", rows.size()).isEmpty();
    }

    @Test
    void decodesAsTheReference() throws IOException {
        Tokenizer tokenizer = Shared.tokenizer("qwen2");
        for (JsonNode row : Shared.golden("qwen2-decode.jsonl")) {
            int[] ids = Shared.ids(row);
            assertThat(tokenizer.decode(ids)).isEqualTo(row.path("text").asString());
            assertThat(tokenizer.decode(ids, true)).isEqualTo(row.path("text_skip_special").asString());
            StreamingDecoder streaming = tokenizer.streamingDecoder(false);
            StringBuilder text = new StringBuilder();
            for (int id : ids) {
                text.append(streaming.accept(id));
            }
            text.append(streaming.finish());
            assertThat(text.toString()).isEqualTo(row.path("text").asString());
        }
    }
}
