package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class BpeTrainerTest {

    @TempDir
    private Path directory;

    private static List<String> texts(long seed) {
        String[] words = {"体育", "财经新闻", "the", "there", "other", "分类", "aaa", "aaaa", "，", "。", "é", "😀", "1999",
            "\n"};
        Random random = new Random(seed);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            StringBuilder text = new StringBuilder();
            for (int j = 0; j < 40; j++) {
                text.append(words[random.nextInt(words.length)]).append(random.nextInt(3) == 0 ? " " : "");
            }
            texts.add(text.toString());
        }
        return texts;
    }

    @Test
    void mergesWhatCountingAnewWouldMerge() throws IOException {
        List<String> texts = texts(1);
        TrainedBpe trained = BpeTrainer.train(texts.iterator(), 256 + 3 + 90);
        trained.write(directory);
        Map<String, Integer> idOfToken = new HashMap<>(TokenizerReader.read(directory).idOfToken());
        BpeTrainer.CONTROL_TOKENS.forEach(idOfToken::remove);
        assertThat(idOfToken).isEqualTo(trainNaively(texts, 90));
    }

    /// The algorithm as its definition has it: count all pairs, merge the first of the most frequent, begin again.
    private static Map<String, Integer> trainNaively(List<String> texts, int merges) {
        WordCounts counts = new WordCounts(TokenizerReader.QWEN_PATTERN, Long.MAX_VALUE);
        counts.addAll(texts.iterator());
        Map<String, Integer> ids = new HashMap<>();
        for (char c : ByteAlphabet.sortedCharacters()) {
            ids.put(String.valueOf(c), ids.size());
        }
        List<List<String>> words = new ArrayList<>();
        List<Long> weights = new ArrayList<>();
        counts.drain((bytes, count) -> {
            words.add(new ArrayList<>(List.of(ByteAlphabet.toText(bytes).split(""))));
            weights.add(count);
        });
        for (int merge = 0; merge < merges; merge++) {
            Map<List<Integer>, Long> pairs = new HashMap<>();
            for (int w = 0; w < words.size(); w++) {
                for (int i = 0; i + 1 < words.get(w).size(); i++) {
                    List<Integer> pair = List.of(
                            ids.getOrDefault(words.get(w).get(i), -1), ids.getOrDefault(words.get(w).get(i + 1), -1));
                    pairs.merge(pair, weights.get(w), Long::sum);
                }
            }
            List<Integer> best = Collections.min(pairs.keySet(), (a, b) -> {
                int byCount = Long.compare(pairs.getOrDefault(b, 0L), pairs.getOrDefault(a, 0L));
                int byLeft = Integer.compare(a.get(0), b.get(0));
                return byCount != 0 ? byCount : byLeft != 0 ? byLeft : Integer.compare(a.get(1), b.get(1));
            });
            String merged = null;
            for (List<String> word : words) {
                for (int i = 0; i + 1 < word.size(); i++) {
                    int left = ids.getOrDefault(word.get(i), -1);
                    int right = ids.getOrDefault(word.get(i + 1), -1);
                    if (best.equals(List.of(left, right))) {
                        merged = word.get(i) + word.remove(i + 1);
                        word.set(i, merged);
                    }
                }
            }
            ids.put(String.valueOf(merged), ids.size());
        }
        return ids;
    }

    @Test
    void theResultLoadsAndRoundTrips() throws IOException {
        TrainedBpe trained = BpeTrainer.train(texts(2).iterator(), 320);
        trained.write(directory);
        Tokenizer tokenizer = Tokenizer.load(directory);
        assertThat(trained.size()).isEqualTo(320);
        assertThat(tokenizer.size()).isEqualTo(320);
        assertThat(tokenizer.endOfText()).hasValue(317);
        assertThat(tokenizer.endOfTurn()).hasValue(319);
        assertThat(ChatTemplate.load(directory)).isEqualTo(ChatTemplate.QWEN1_5);
        for (String text : texts(3)) {
            assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
        }
        assertThat(Files.list(directory)).hasSize(2);
    }

    @Test
    void theOrderOfTextsDoesNotMatterEvenWhenSampled() throws IOException {
        Random random = new Random(4);
        List<String> texts = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            texts.add(random.ints(40, 0x4e00, 0x4e20)
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append)
                    .toString());
        }
        BpeTrainer.train(texts.iterator(), 400, 8000).write(directory);
        Collections.shuffle(texts, random);
        Path other = directory.resolve("other");
        BpeTrainer.train(texts.iterator(), 400, 8000).write(other);
        assertThat(other.resolve("tokenizer.json")).hasSameTextualContentAs(directory.resolve("tokenizer.json"));
    }

    @Test
    void stopsWhenNoPairOccursTwice() {
        assertThat(BpeTrainer.train(List.of("ab", "").iterator(), 1000).size()).isEqualTo(259);
        assertThat(BpeTrainer.train(List.of("ab cab").iterator(), 1000).size()).isEqualTo(260);
    }

    @Test
    void refusesSizesThatCannotBe() {
        assertThatThrownBy(() -> BpeTrainer.train(List.of("a").iterator(), 258))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("259");
    }
}
