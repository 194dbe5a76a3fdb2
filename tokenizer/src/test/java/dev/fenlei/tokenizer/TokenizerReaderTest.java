package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Files that are wrong or ask for something else are refused by name.
final class TokenizerReaderTest {

    @TempDir
    private Path directory;

    private Path file;

    @BeforeEach
    void write() throws IOException {
        BpeTrainer.train(List.of("abab abab cdcd").iterator(), 262).write(directory);
        file = directory.resolve("tokenizer.json");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '`', value = {
        "\"type\": \"BPE\"; \"type\": \"Unigram\"; model.type",
        "\"dropout\": null; \"dropout\": 0.1; model.dropout",
        "\"end_of_word_suffix\": \"\"; \"end_of_word_suffix\": \"</w>\"; model.end_of_word_suffix",
        "\"type\": \"NFC\"; \"type\": \"Lowercase\"; normalizer.type",
        "\"type\": \"Split\"; \"type\": \"Whitespace\"; pretokenizers[0].type",
        "\"behavior\": \"Isolated\"; \"behavior\": \"Merged\"; pretokenizers[0].behavior",
        "|\\\\s+\"}; |\\\\b\"}; pattern.Regex",
        "\"decoder\": {\"type\": \"ByteLevel\"; \"decoder\": {\"type\": \"Metaspace\"; decoder.type",
        "\"a b\"; \"a b c\"; model.merges[0]",
        "\"a b\"; 7; model.merges[0]",
        "\"a b\"; \"a zz\"; \"zz\"",
        "\"ab\": 256; \"ab\": -1; model.vocab",
        "\"ab\": 256; \"ab\": 1.5; model.vocab",
        "\"ab\": 256; \"ab\": 255; another token's",
        "\"ab\": 256; \"a\": 256; not valid JSON",
        "\"id\": 260; \"id\": 256; both",
        "\"content\": \"<|im_end|>\"; \"content\": \"\"; added_tokens",
    })
    void refusesByName(String original, String replacement, String named) throws IOException {
        String json = Files.readString(file);
        if (!json.contains(original)) {
            throw new IllegalArgumentException(original + " is not in the file");
        }
        Files.writeString(file, json.replace(original, replacement));
        assertThatThrownBy(() -> Tokenizer.load(directory))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("tokenizer.json")
                .hasMessageContaining(named);
    }

    @Test
    void refusesWhatIsNoJsonObject() throws IOException {
        for (String content : List.of("", "[]", "{", "\u0000", "{\"a\":" + "[".repeat(1000))) {
            Files.writeString(file, content);
            assertThatThrownBy(() -> Tokenizer.load(directory)).as(content).isInstanceOf(TokenizerException.class);
        }
    }

    @Test
    void acceptsPairsAndNoNormalizer() throws IOException {
        Files.writeString(file, Files.readString(file)
                .replace("\"a b\"", "[\"a\", \"b\"]")
                .replace("{\"type\": \"NFC\"}", "null"));
        assertThatCode(() -> Tokenizer.load(directory)).doesNotThrowAnyException();
    }

    @Test
    void saysWhatIsMissing() throws IOException {
        Files.delete(file);
        assertThatThrownBy(() -> Tokenizer.load(directory))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("expected tokenizer.json, or vocab.json and merges.txt");
    }

    @Test
    void refusesRanksThatAreNone() throws IOException {
        Files.delete(file);
        Path ranks = directory.resolve("qwen.tiktoken");
        Files.writeString(ranks, "IQ== 0\nIg== x\n");
        assertThatThrownBy(() -> Tokenizer.load(directory))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("qwen.tiktoken")
                .hasMessageContaining("line 2");
        Files.writeString(ranks, "IQ== 0\n");
        assertThatThrownBy(() -> Tokenizer.load(directory)).hasMessageContaining("byte 0");
    }

    /// The form that Llama 2 and Mistral have in tokenizer.json.
    @Test
    void readsTheFormOfSentencePieceModels() throws IOException {
        StringBuilder vocabulary = new StringBuilder("\"<unk>\": 0, \"▁\": 1, \"a\": 2, \"▁a\": 3");
        for (int b = 0; b < 256; b++) {
            vocabulary.append(", \"<0x%02X>\": %d".formatted(b, b + 4));
        }
        Files.writeString(file, """
                {"added_tokens": [{"id": 300, "content": "</s>", "special": true}],
                 "normalizer": {"type": "Sequence", "normalizers": [
                   {"type": "Prepend", "prepend": "▁"},
                   {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
                 "pre_tokenizer": null,
                 "decoder": {"type": "Sequence", "decoders": [
                   {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                   {"type": "ByteFallback"}, {"type": "Fuse"},
                   {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
                 "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                   "vocab": {%s}, "merges": ["▁ a"]}}
                """.formatted(vocabulary));
        Tokenizer tokenizer = Tokenizer.load(directory);
        assertThat(tokenizer.encode("a a")).containsExactly(3, 3);
        assertThat(tokenizer.encodeContinuation("a a")).containsExactly(2, 3);
        assertThat(tokenizer.encode("é")).containsExactly(1, 0xC3 + 4, 0xA9 + 4);
        assertThat(tokenizer.encodeWithControlTokens("a</s>a")).containsExactly(3, 300, 3);
        assertThat(tokenizer.decode(new int[] {3, 0xC3 + 4, 0xA9 + 4, 3, 0xC3 + 4})).isEqualTo("aé a\uFFFD");
    }

    @Test
    void refusesOtherTokenizersWithTheSameFiles() throws IOException {
        Files.delete(file);
        Files.writeString(directory.resolve("vocab.json"), "{}");
        Files.writeString(directory.resolve("merges.txt"), "#version: 0.2\na b c\n");
        assertThatThrownBy(() -> Tokenizer.load(directory))
                .hasMessageContaining("merges.txt")
                .hasMessageContaining("line 2");
        Files.writeString(directory.resolve("tokenizer_config.json"), "{\"tokenizer_class\": \"GPT2Tokenizer\"}");
        assertThatThrownBy(() -> Tokenizer.load(directory)).hasMessageContaining("GPT2Tokenizer");
    }
}
