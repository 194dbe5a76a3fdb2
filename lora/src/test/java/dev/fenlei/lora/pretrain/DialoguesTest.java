package dev.fenlei.lora.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.tokenizer.BpeTrainer;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DialoguesTest {

    private static final List<String> WORDS = Stream.of("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
            .flatMap(word -> Stream.of("one", "two", "three", "four").map(number -> " " + word + number))
            .toList();

    private static final String TEXT = String.join("", WORDS).repeat(3) + "。";
    private static final String OTHER = " something else entirely, again and again".repeat(20) + "。";

    @TempDir
    Path directory;

    private Tokenizer tokenizer;

    @BeforeEach
    void trainTokenizer() throws IOException {
        BpeTrainer.train(List.of(TEXT, OTHER).iterator(), 420).write(directory);
        tokenizer = Tokenizer.load(directory);
    }

    private String decode(int[] ids) {
        return tokenizer.decode(ids, false);
    }

    @Test
    void withoutAShareTextsStayAsTheyAre() {
        List<int[]> pieces = new Dialogues(tokenizer, 0, 1).pieces(List.of(TEXT, OTHER), () -> true);
        assertThat(pieces.stream().map(this::decode)).containsExactly(TEXT, OTHER);
    }

    @Test
    void everyPassageIsAnsweredByWordsOfItsText() {
        List<int[]> pieces = new Dialogues(tokenizer, 1, 1).pieces(List.of(TEXT, OTHER), () -> true);
        List<String> exchanges = pieces.stream().map(this::decode).filter(e -> e.contains("alpha")).toList();
        assertThat(exchanges).hasSizeGreaterThan(2);
        for (String exchange : exchanges) {
            assertThat(exchange).startsWith("<|im_start|>user\n").endsWith("<|im_end|>\n");
            String[] sides = exchange.split("<\\|im_end\\|>\n<\\|im_start\\|>assistant\n");
            assertThat(sides).hasSize(2);
            String passage = sides[0].substring("<|im_start|>user\n".length());
            assertThat(passage.length()).isBetween(Dialogues.SHORTEST, Dialogues.LONGEST);
            assertThat(TEXT).contains(passage);
            assertThat(sides[1]).doesNotContain("something");
        }
        assertThat(exchanges).doesNotHaveDuplicates();
    }

    @Test
    void textsWithTooFewWordsStayAsTheyAre() {
        List<int[]> pieces = new Dialogues(tokenizer, 1, 1).pieces(List.of("短。", "文。"), () -> true);
        assertThat(pieces.stream().map(this::decode)).containsExactlyInAnyOrder("短。", "文。");
    }

    @Test
    void theSeedDecides() {
        assertThat(decoded(7)).isEqualTo(decoded(7)).isNotEqualTo(decoded(8));
    }

    private List<String> decoded(long seed) {
        return new Dialogues(tokenizer, 0.5, seed)
                .pieces(List.of(TEXT, OTHER, TEXT, OTHER), () -> true).stream().map(this::decode).toList();
    }

    @Test
    void keywordsAreFrequentInTheTextAndRareElsewhere() {
        int[] both = tokenizer.encode(TEXT + OTHER);
        int[] one = tokenizer.encode(OTHER);
        Keywords keywords = new Keywords(tokenizer, List.of(both, one));
        int[] words = keywords.of(both, 5);
        assertThat(words).hasSize(5).doesNotHaveDuplicates();
        for (int id : words) {
            assertThat(Arrays.stream(both).filter(other -> other == id).count()).isGreaterThanOrEqualTo(2);
            assertThat(Arrays.stream(one)).as(tokenizer.decode(new int[] {id})).doesNotContain(id);
        }
    }
}
