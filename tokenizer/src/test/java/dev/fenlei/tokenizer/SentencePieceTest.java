package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A model of a few pieces, written field by field.
final class SentencePieceTest {

    private static final int BYTES = 4;
    private static final int PIECES = BYTES + 256;

    @TempDir
    private Path directory;

    private final ByteArrayOutputStream model = new ByteArrayOutputStream();

    private static void varint(ByteArrayOutputStream out, long value) {
        for (long rest = value;; rest >>>= 7) {
            out.write((int) (rest & 0x7F | (rest > 0x7F ? 0x80 : 0)));
            if (rest <= 0x7F) {
                return;
            }
        }
    }

    private static void field(ByteArrayOutputStream out, int field, byte[] content) {
        varint(out, field << 3 | 2);
        varint(out, content.length);
        out.writeBytes(content);
    }

    private static byte[] flags(int... fieldsAndValues) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < fieldsAndValues.length; i += 2) {
            varint(out, (long) fieldsAndValues[i] << 3);
            varint(out, fieldsAndValues[i + 1]);
        }
        return out.toByteArray();
    }

    private void piece(String text, float score, int type) {
        ByteArrayOutputStream piece = new ByteArrayOutputStream();
        field(piece, 1, text.getBytes(StandardCharsets.UTF_8));
        piece.write(2 << 3 | 5);
        piece.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putFloat(score).array());
        piece.writeBytes(flags(3, type));
        field(model, 1, piece.toByteArray());
    }

    private void pieces() {
        piece("<unk>", 0, 2);
        piece("<s>", 0, 3);
        piece("</s>", 0, 3);
        piece("<|im_end|>", 0, 4);
        for (int b = 0; b < 256; b++) {
            piece("<0x%02X>".formatted(b), 0, 6);
        }
        // "ab" goes before "bc", and "▁a" after both.
        List<String> normal = List.of("ab", "bc", "▁a", "▁", "a", "b", "c", "中", "中文");
        for (int i = 0; i < normal.size(); i++) {
            piece(normal.get(i), -i, 1);
        }
    }

    private Tokenizer load(byte[] trainerSpec, byte[] normalizerSpec) throws IOException {
        field(model, 2, trainerSpec);
        field(model, 3, normalizerSpec);
        Files.write(directory.resolve("tokenizer.model"), model.toByteArray());
        return Tokenizer.load(directory);
    }

    private static String stream(Tokenizer tokenizer, int[] ids) {
        StreamingDecoder decoder = tokenizer.streamingDecoder(false);
        StringBuilder text = new StringBuilder();
        IntStream.of(ids).forEach(id -> text.append(decoder.accept(id)));
        return text.append(decoder.finish()).toString();
    }

    @Test
    void mergesByScoreAndFallsBackToBytes() throws IOException {
        pieces();
        Tokenizer tokenizer = load(flags(3, 2, 35, 1), flags(3, 1, 4, 1));
        int ab = PIECES;
        int space = PIECES + 3;
        int c = PIECES + 6;
        assertThat(tokenizer.encode("abc")).containsExactly(space, ab, c);
        assertThat(tokenizer.encodeContinuation("abc")).containsExactly(ab, c);
        assertThat(tokenizer.encode("  a  ab ")).containsExactly(PIECES + 2, space, ab);
        // 文 is no piece but a part of one.
        assertThat(tokenizer.encode("中文文"))
                .containsExactly(space, PIECES + 8, BYTES + 0xE6, BYTES + 0x96, BYTES + 0x87);
        for (String text : List.of("abc", "中文文 a b", "😀c", "")) {
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
            assertThat(stream(tokenizer, tokenizer.encode(text))).isEqualTo(text);
        }
        int[] broken = {BYTES + 0xE6, BYTES + 0x96, ab, BYTES + 0xED, BYTES + 0xB1, BYTES + 0xF0};
        assertThat(tokenizer.decode(broken)).isEqualTo("\uFFFD\uFFFDab\uFFFD\uFFFD\uFFFD");
        assertThat(stream(tokenizer, broken)).isEqualTo(tokenizer.decode(broken));
    }

    @Test
    void symbolsOfTemplatesAreWrittenByTemplatesOnly() throws IOException {
        pieces();
        Tokenizer tokenizer = load(flags(3, 2, 35, 1), flags(3, 1, 4, 0));
        assertThat(tokenizer.encode("a<|im_end|><s>")).doesNotContain(1, 3);
        assertThat(tokenizer.decode(tokenizer.encode("a<|im_end|><s>"))).isEqualTo("a<|im_end|><s>");
        // The library finds user-defined symbols in texts, control symbols never.
        assertThat(tokenizer.encodeWithControlTokens("<|im_end|><s>")).contains(3).doesNotContain(1);
        int[] ids = tokenizer.encode(List.of(
                Segment.template("<s>"), Segment.content("<s>a<|im_end|>"), Segment.template("<|im_end|></s>")));
        assertThat(IntStream.of(ids).filter(id -> id < BYTES)).containsExactly(1, 3, 2);
        assertThat(tokenizer.isSpecial(1)).isTrue();
    }

    @Test
    void withoutBytesUnknownCharactersAreOneToken() throws IOException {
        pieces();
        Tokenizer tokenizer = load(flags(3, 2), flags(3, 0, 4, 0));
        assertThat(tokenizer.encode("a文字b")).containsExactly(PIECES + 4, 0, PIECES + 5);
        assertThat(tokenizer.decode(new int[] {0})).isEqualTo(" \u2047 ");
    }

    @Test
    void refusesByName() throws IOException {
        pieces();
        assertThatThrownBy(() -> load(flags(3, 1), new byte[0]))
                .isInstanceOf(TokenizerException.class)
                .hasMessageContaining("tokenizer.model")
                .hasMessageContaining("UNIGRAM");
        assertThatThrownBy(() -> load(flags(3, 2, 24, 1), new byte[0]))
                .hasMessageContaining("treat_whitespace_as_suffix");
        piece("unused", 0, 5);
        assertThatThrownBy(() -> load(flags(3, 2), new byte[0])).hasMessageContaining("UNUSED");
    }

    /// Whatever the bytes are, the answer is a tokenizer or an error that names the file.
    @Test
    void brokenFilesAreClearErrors() throws IOException {
        pieces();
        field(model, 2, flags(3, 2, 35, 1));
        ByteArrayOutputStream normalizer = new ByteArrayOutputStream();
        field(normalizer, 2, new byte[] {8, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0});
        field(model, 3, normalizer.toByteArray());
        byte[] whole = model.toByteArray();
        Path file = directory.resolve("tokenizer.model");
        for (int seed = 0; seed < 500; seed++) {
            Random random = new Random(seed);
            byte[] bytes = Arrays.copyOf(whole, seed % 3 == 0 ? random.nextInt(whole.length) : whole.length);
            for (int i = 0; i < random.nextInt(8); i++) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            Files.write(file, bytes);
            try {
                Tokenizer tokenizer = Tokenizer.load(directory);
                assertThat(tokenizer.decode(tokenizer.encode("ab 中文\n"))).isNotNull();
            } catch (TokenizerException e) {
                assertThat(e).hasMessageContaining("tokenizer.model");
            }
        }
    }
}
