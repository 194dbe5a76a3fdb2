package dev.fenlei.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// How often each piece of the training texts ("word") occurs: all that training needs to know of them.
///
/// Chinese has no spaces, so that a piece is a whole clause, and most clauses occur once: counting alone does not make
/// such a corpus small. Two measures bound memory and time. Pieces are cut into chunks of [#MAX_CHUNK] characters,
/// several times the longest useful token, which costs one pair of neighbours in sixteen. And when the distinct words
/// exceed a budget, half of the long ones, chosen by hash, are left out and the others count twice, again and again: an
/// unbiased estimate of the pair counts that, unlike reading only the first texts, does not depend on their order.
/// Short words are always kept, because they are few and frequent.
final class WordCounts {

    static final int MAX_CHUNK = 16;
    private static final int SHORT_WORD_BYTES = 12;

    private final Pattern pattern;
    private final long budgetBytes;
    private final Map<Word, long[]> counts = new HashMap<>();
    private long distinctBytes;
    private int halvings;

    /// The bytes of a word in UTF-8.
    record Word(byte[] bytes, int hash) {
        static Word of(String text) {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            return new Word(bytes, mix(Arrays.hashCode(bytes)));
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Word word && Arrays.equals(bytes, word.bytes);
        }

        @Override
        public int hashCode() {
            return hash;
        }

        /// The finalizer of MurmurHash3, so that the low bits can choose a sample.
        private static int mix(int h) {
            h = (h ^ (h >>> 16)) * 0x85ebca6b;
            h = (h ^ (h >>> 13)) * 0xc2b2ae35;
            return h ^ (h >>> 16);
        }
    }

    /// @param budgetBytes how many bytes all distinct words may have together
    WordCounts(String pattern, long budgetBytes) {
        this.pattern = Oniguruma.compile(pattern);
        this.budgetBytes = budgetBytes;
    }

    void addAll(Iterator<String> texts) {
        while (texts.hasNext()) {
            add(texts.next());
        }
    }

    private void add(String text) {
        String composed = TextForm.compose(TextForm.withoutLoneSurrogates(text));
        Matcher matcher = pattern.matcher(composed);
        while (matcher.find()) {
            int end = matcher.end();
            for (int start = matcher.start(); start < end;) {
                int next = Math.min(end, start + MAX_CHUNK);
                if (next < end && Character.isLowSurrogate(composed.charAt(next))) {
                    next++;
                }
                count(Word.of(composed.substring(start, next)));
                start = next;
            }
        }
    }

    private void count(Word word) {
        if (!isSampled(word)) {
            return;
        }
        long[] count = counts.get(word);
        if (count == null) {
            counts.put(word, new long[] {1});
            distinctBytes += word.bytes().length;
            while (distinctBytes > budgetBytes && halvings < 20) {
                halve();
            }
        } else {
            count[0]++;
        }
    }

    private void halve() {
        halvings++;
        counts.keySet().removeIf(word -> {
            boolean dropped = !isSampled(word);
            if (dropped) {
                distinctBytes -= word.bytes().length;
            }
            return dropped;
        });
    }

    private boolean isSampled(Word word) {
        return word.bytes().length <= SHORT_WORD_BYTES || Integer.numberOfTrailingZeros(word.hash()) >= halvings;
    }

    int size() {
        return counts.size();
    }

    long distinctBytes() {
        return distinctBytes;
    }

    interface Visitor {
        void word(byte[] bytes, long count);
    }

    /// Hands out every word and its count, and forgets it. The order depends on the words only.
    void drain(Visitor visitor) {
        counts.forEach((word, count) -> {
            boolean isShort = word.bytes().length <= SHORT_WORD_BYTES;
            visitor.word(word.bytes(), isShort ? count[0] : count[0] << halvings);
        });
        counts.clear();
    }
}
