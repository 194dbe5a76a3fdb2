package dev.fenlei.lora.pretrain;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.lora.train.TrainingException;
import dev.fenlei.tokenizer.Segment;
import dev.fenlei.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/// Turns texts into what a model is trained on: some stay as they are, the others become ChatML exchanges, in which the user
/// says a passage of the text and the assistant answers with words that characterise the whole of it.
///
/// Plain text never holds a control token, so a model that saw nothing else has random embeddings exactly where a prompt
/// ends and the answer begins, and the last token of a text says little of what the text is about. The exchanges teach both:
/// to gather, at the first token of an answer, the topic of the message before it.
///
/// Passages end where sentences do and have from [#SHORTEST] to [#LONGEST] characters. All draws are functions of the seed and
/// the number of the text.
final class Dialogues {

    static final int SHORTEST = 40;
    static final int LONGEST = 160;

    /// Words in an answer, and the number of the most characteristic ones that they are drawn from.
    static final int WORDS = 24;
    private static final int CHOICE = 40;

    /// A text with fewer stays as it is.
    private static final int FEWEST_WORDS = 8;

    private static final int[] NONE = {};

    private static final Pattern SENTENCE_END = Pattern.compile("[。！？!?；;]");

    private final Tokenizer tokenizer;
    private final double share;
    private final long key;
    private final int[] end;

    /// @param share of the texts that become exchanges
    /// @throws TrainingException if there are to be exchanges and the vocabulary lacks ChatML's control tokens
    Dialogues(Tokenizer tokenizer, double share, long seed) {
        if (share > 0 && (tokenizer.idOf("<|im_start|>").isEmpty() || tokenizer.idOf("<|im_end|>").isEmpty())) {
            throw new TrainingException(
                    "the tokenizer has no tokens <|im_start|> and <|im_end|>, which exchanges are written with");
        }
        this.tokenizer = tokenizer;
        this.share = share;
        key = Philox.mix(seed, 0xD1A1L);
        end = tokenizer.encodeWithControlTokens("<|im_end|>\n");
    }

    /// The pieces to train on, in an order of their own: a text or an exchange each.
    ///
    /// @param goOn asked between texts; false ends early
    List<int[]> pieces(List<String> texts, BooleanSupplier goOn) {
        List<int[]> encoded = texts.stream().takeWhile(_ -> goOn.getAsBoolean()).map(tokenizer::encode).toList();
        if (share == 0) {
            return encoded;
        }
        Keywords keywords = new Keywords(tokenizer, encoded);
        List<int[]> pieces = new ArrayList<>();
        for (int i = 0; i < encoded.size(); i++) {
            Draw draw = new Draw(Philox.mix(key, i));
            int[] words = draw.next() < share && goOn.getAsBoolean() ? keywords.of(encoded.get(i), CHOICE) : NONE;
            if (words.length >= FEWEST_WORDS) {
                addExchanges(texts.get(i), words, draw, pieces);
            } else {
                pieces.add(encoded.get(i));
            }
        }
        // Exchanges of one text side by side could be answered by copying the answer before.
        Draw draw = new Draw(key);
        for (int i = pieces.size() - 1; i > 0; i--) {
            pieces.set(i, pieces.set(draw.below(i + 1), pieces.get(i)));
        }
        return pieces;
    }

    private void addExchanges(String text, int[] words, Draw draw, List<int[]> pieces) {
        for (String passage : passages(text, draw)) {
            IntStream question = Arrays.stream(tokenizer.encode(List.of(
                    Segment.template("<|im_start|>user\n"),
                    Segment.content(passage),
                    Segment.template("<|im_end|>\n<|im_start|>assistant\n"))));
            // Side by side: separators would cost as much as the words and teach nothing.
            IntStream answer = IntStream.concat(
                    Arrays.stream(draw.some(words, Math.min(WORDS, words.length))),
                    Arrays.stream(end));
            pieces.add(IntStream.concat(question, answer).toArray());
        }
    }

    private static List<String> passages(String text, Draw draw) {
        List<String> passages = new ArrayList<>();
        Matcher sentenceEnd = SENTENCE_END.matcher(text);
        for (int from = 0; from < text.length();) {
            int least = from + SHORTEST + draw.below(LONGEST - SHORTEST);
            int end = Math.min(text.length(), from + LONGEST);
            int to = sentenceEnd.region(Math.min(least, end), end).find() ? sentenceEnd.end() : end;
            if (to < text.length() && Character.isLowSurrogate(text.charAt(to))) {
                to++;
            }
            String passage = text.substring(from, to).strip();
            if (passage.length() >= SHORTEST) {
                passages.add(passage);
            }
            from = to;
        }
        return passages;
    }

    /// Numbers from one stream of [Philox].
    private static final class Draw {

        private final long key;
        private final int[] words = new int[4];
        private int used;

        Draw(long key) {
            this.key = key;
        }

        float next() {
            if ((used & 3) == 0) {
                Philox.block(key, used >>> 2, words);
            }
            return Philox.uniform(words[used++ & 3]);
        }

        int below(int bound) {
            return (int) (next() * (double) bound);
        }

        /// `count` of the values, in random order.
        int[] some(int[] values, int count) {
            int[] shuffled = values.clone();
            for (int i = 0; i < count; i++) {
                int j = i + below(shuffled.length - i);
                int value = shuffled[j];
                shuffled[j] = shuffled[i];
                shuffled[i] = value;
            }
            return Arrays.copyOf(shuffled, count);
        }
    }
}
