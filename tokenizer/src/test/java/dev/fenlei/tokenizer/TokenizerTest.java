package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TokenizerTest {

    private static final String[] PIECES = {
        "新闻", "体育", "the ", " a", "'LL", "\u017F", "e\u0301", "\u1100\u1161", "\u212B", "😀", "\u200D", " ", "\n",
        "\r\n", "\t", "\u3000", "\u00A0", "\u0085", "9", "٣", "<|im_end|>", "<|im_", "|>", "!", "。", "\uFFFD", "\u0000"
    };

    @TempDir
    private Path directory;

    private Tokenizer tokenizer;
    private int imStart;
    private int imEnd;

    @BeforeEach
    void train() throws IOException {
        List<String> texts = List.of("新闻新闻 体育体育 the the them 12 12 <|im_end|> <|im_end|> ，。，。 é é 😀😀");
        BpeTrainer.train(texts.iterator(), 290).write(directory);
        tokenizer = Tokenizer.load(directory);
        imStart = tokenizer.idOf("<|im_start|>").orElseThrow();
        imEnd = tokenizer.endOfTurn().orElseThrow();
    }

    private static String randomText(Random random) {
        StringBuilder text = new StringBuilder();
        int length = random.nextInt(30);
        for (int i = 0; i < length; i++) {
            int codePoint = random.nextInt(Character.MAX_CODE_POINT + 1);
            if (random.nextBoolean() || Character.getType(codePoint) == Character.SURROGATE) {
                text.append(PIECES[random.nextInt(PIECES.length)]);
            } else {
                text.appendCodePoint(codePoint);
            }
        }
        return text.toString();
    }

    @Test
    void anyTextComesBackComposedAndWithoutControlTokens() {
        for (int seed = 0; seed < 3000; seed++) {
            String text = randomText(new Random(seed));
            int[] ids = tokenizer.encode(text);
            String composed = Normalizer.normalize(text, Normalizer.Form.NFC);
            assertThat(tokenizer.decode(ids)).as("seed %d", seed).isEqualTo(composed);
            assertThat(tokenizer.decode(ids, true)).as("seed %d", seed).isEqualTo(composed);
            assertThat(IntStream.of(ids)).as("seed %d", seed).noneMatch(tokenizer::isSpecial);
            assertThat(stream(ids)).as("seed %d", seed).isEqualTo(composed);
        }
    }

    @Test
    void anyIdsDecodeTheSameAtOnceAndOneByOne() {
        for (int seed = 0; seed < 3000; seed++) {
            // Mostly single bytes, so that nearly all sequences are malformed UTF-8.
            int[] ids = new Random(seed).ints(12, 0, 300).toArray();
            assertThat(stream(ids)).as("seed %d", seed).isEqualTo(tokenizer.decode(ids));
        }
    }

    private String stream(int[] ids) {
        StreamingDecoder decoder = tokenizer.streamingDecoder(false);
        StringBuilder text = new StringBuilder();
        for (int id : ids) {
            text.append(decoder.accept(id));
        }
        return text.append(decoder.finish()).toString();
    }

    @Test
    void streamsWholeCharacters() {
        int[] bytes = bytesAsIds("€😀");
        StreamingDecoder decoder = tokenizer.streamingDecoder(false);
        List<String> parts = IntStream.of(bytes).mapToObj(decoder::accept).toList();
        assertThat(parts).containsExactly("", "", "€", "", "", "", "😀");
        assertThat(decoder.finish()).isEmpty();
        assertThat(decoder.accept(bytes[0])).isEmpty();
        assertThat(decoder.finish()).isEqualTo("\uFFFD");
    }

    private int[] bytesAsIds(String text) {
        return ByteAlphabet.toText(text.getBytes(StandardCharsets.UTF_8))
                .chars()
                .map(c -> tokenizer.idOf(Character.toString(c)).orElseThrow())
                .toArray();
    }

    @Test
    void controlTokensAreWrittenByTemplatesOnly() {
        String text = "<|im_start|>user\n<|im_end|>";
        assertThat(tokenizer.encode(text)).doesNotContain(imStart, imEnd);
        int[] ids = tokenizer.encodeWithControlTokens(text);
        assertThat(ids).startsWith(imStart).endsWith(imEnd);
        assertThat(tokenizer.decode(ids)).isEqualTo(text);
        assertThat(tokenizer.decode(ids, true)).isEqualTo("user\n");
        // A content and a template that spell a control token together do not make one.
        int[] joined = tokenizer.encode(List.of(Segment.content("<|im_"), Segment.template("end|>")));
        assertThat(joined).doesNotContain(imEnd).isEqualTo(tokenizer.encode("<|im_end|>"));
    }

    @Test
    void segmentsEncodeAsOneText() {
        List<Segment> segments = List.of(Segment.template("<|im_start|>user\n"), Segment.content("\n\u0301新"),
                Segment.template("闻<|im_end|>\n"));
        assertThat(tokenizer.encode(segments))
                .isEqualTo(tokenizer.encodeWithControlTokens("<|im_start|>user\n\n\u0301新闻<|im_end|>\n"));
    }

    @Test
    void idsOutsideTheVocabularyStandForNothing() {
        int[] ids = {-1, tokenizer.size(), Integer.MAX_VALUE, Integer.MIN_VALUE};
        assertThat(tokenizer.decode(ids)).isEmpty();
        assertThat(IntStream.of(ids)).noneMatch(tokenizer::isSpecial);
        assertThat(tokenizer.idOf("<|no_such_token|>")).isEmpty();
    }

    @Test
    void loneSurrogatesBecomeReplacementCharacters() {
        assertThat(tokenizer.decode(tokenizer.encode("a\uD83Db\uDE00"))).isEqualTo("a\uFFFDb\uFFFD");
    }

    @Test
    void emptyTextHasNoTokens() {
        assertThat(tokenizer.encode("")).isEmpty();
        assertThat(tokenizer.encodeWithControlTokens("")).isEmpty();
        assertThat(tokenizer.decode(new int[0])).isEmpty();
    }

    /// Hugging Face would merge them; then a user could end a turn of the conversation.
    @Test
    void mergesNeverMakeASpecialToken() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        int merged = tokenizer.encode("新闻")[0];
        String token = TokenizerReader.read(directory).idOfToken().entrySet().stream()
                .filter(entry -> entry.getValue() == merged)
                .findFirst()
                .orElseThrow()
                .getKey();
        Files.writeString(file, Files.readString(file).replace("\"added_tokens\": [",
                "\"added_tokens\": [{\"id\": %d, \"content\": %s, \"special\": true},"
                        .formatted(merged, JsonFiles.quote(token))));
        Tokenizer special = Tokenizer.load(directory);
        assertThat(special.encode("新闻")).doesNotContain(merged);
        assertThat(special.decode(special.encode("新闻"))).isEqualTo("新闻");
    }

    /// The bound is far above what it takes, and far below what quadratic work would.
    @Test
    void hostileTextsTakeLinearTime() {
        for (String unit : List.of("a", "中", "!", " ", "\n", "\u0301\u0323", "<|im_", "\uD800")) {
            String text = unit.repeat(200_000 / unit.length());
            assertTimeout(Duration.ofSeconds(20), () -> tokenizer.encodeWithControlTokens(text), unit);
        }
    }

    @Test
    void addedTokensHonourTheirFlags() throws IOException {
        Path file = directory.resolve("tokenizer.json");
        String more = "\"added_tokens\": ["
                + "{\"id\": 400, \"content\": \"cat\", \"single_word\": true, \"special\": false},"
                + "{\"id\": 401, \"content\": \"<mask>\", \"lstrip\": true, \"rstrip\": true, \"special\": true},"
                + "{\"id\": 402, \"content\": \"<mask>x\", \"special\": false},"
                + "{\"id\": 403, \"content\": \"e\u0301~\", \"normalized\": true, \"special\": false},";
        Files.writeString(file, Files.readString(file).replace("\"added_tokens\": [", more));
        Tokenizer extended = Tokenizer.load(directory);
        assertThat(extended.size()).isEqualTo(404);
        assertThat(extended.isSpecial(400)).isFalse();
        assertThat(extended.encodeWithControlTokens("cat")).containsExactly(400);
        assertThat(extended.encodeWithControlTokens("cats")).isEqualTo(extended.encode("cats"));
        assertThat(extended.encodeWithControlTokens("猫cat")).doesNotContain(400);
        assertThat(extended.encodeWithControlTokens("! \u3000<mask>\n <mask>x"))
                .containsExactly(concat(extended.encode("!"), 401, 402));
        assertThat(extended.encodeWithControlTokens("\u00E9~e\u0301~")).containsExactly(403, 403);
        assertThat(extended.decode(new int[] {400, 401}, true)).isEqualTo("cat");
    }

    private static int[] concat(int[] first, int... rest) {
        return IntStream.concat(Arrays.stream(first), Arrays.stream(rest)).toArray();
    }

    @Test
    void bothFormsOfFilesGiveTheSameIds() throws IOException {
        Components components = TokenizerReader.read(directory);
        Path old = Files.createDirectories(directory.resolve("old"));
        StringBuilder ids = new StringBuilder("{");
        components.idOfToken().forEach((token, id) -> ids.append(ids.length() > 1 ? "," : "")
                .append(JsonFiles.quote(token)).append(':').append(id));
        Files.writeString(old.resolve("vocab.json"), ids.append('}'));
        StringBuilder merges = new StringBuilder("#version: 0.2\n");
        JsonFiles.readObject(directory.resolve("tokenizer.json")).path("model").path("merges")
                .forEach(merge -> merges.append(merge.asString()).append('\n'));
        Files.writeString(old.resolve("merges.txt"), merges);
        Files.writeString(
                old.resolve("added_tokens.json"),
                "{\"<|im_start|>\": %d, \"<|im_end|>\": %d, \"<think>\": 500}"
                        .formatted(imStart, imEnd));
        Tokenizer other = Tokenizer.load(old);
        for (int seed = 0; seed < 100; seed++) {
            String text = randomText(new Random(seed));
            assertThat(other.encodeWithControlTokens(text)).isEqualTo(tokenizer.encodeWithControlTokens(text));
        }
        assertThat(other.isSpecial(imEnd)).isTrue();
        assertThat(other.isSpecial(500)).isFalse();
    }
}
