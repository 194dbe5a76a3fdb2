package dev.fenlei.tokenizer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/// Trains a byte-level BPE vocabulary with Qwen2's pattern: starting from the 256 bytes, again and again the most
/// frequent pair of neighbouring tokens becomes a new token. Of pairs equally frequent the one with the smallest ids is
/// taken, so that the same texts in any order give the same vocabulary.
///
/// All words lie one after the other in one array of ints. A token's id stands in the first cell of the bytes it
/// covers; its second and last cell hold minus its length, so that both neighbours can be found. For each pair the
/// places where it occurs are kept, so a merge touches only those, and no count is ever taken anew.
///
/// Source: R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words with Subword Units" (2016),
/// algorithm 1.
public final class BpeTrainer {

    /// The control tokens that follow the base vocabulary, as in Qwen.
    static final List<String> CONTROL_TOKENS = List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>");

    private static final int MAX_VOCABULARY = 1 << 20;
    /// Distinct words beyond this many bytes are sampled; training then fits in a heap of 2.5 GB.
    private static final long MAX_DISTINCT_BYTES = 32L << 20;
    /// Rarer pairs are not worth a token.
    private static final int MIN_COUNT = 2;

    /// A pair of neighbouring tokens, the number of its occurrences and where they are (some may be gone).
    private static final class Pair {
        final int left;
        final int right;
        long count;
        int[] places = new int[4];
        int size;

        Pair(int left, int right) {
            this.left = left;
            this.right = right;
        }

        void add(int place, long weight) {
            if (size == places.length) {
                places = Arrays.copyOf(places, size + (size >> 1));
            }
            places[size++] = place;
            count += weight;
        }
    }

    /// A pair with the count it had when it was queued; counts only ever fall afterwards.
    private record Candidate(Pair pair, long count) {}

    private static final Comparator<Candidate> MOST_FREQUENT_FIRST = Comparator.comparingLong(Candidate::count)
            .reversed()
            .thenComparingInt(candidate -> candidate.pair().left)
            .thenComparingInt(candidate -> candidate.pair().right);

    /// Below every length: the cell before each word, which is followed by the number of its count.
    private static final int BORDER = Integer.MIN_VALUE;

    private final int[] cells;
    private final long[] weights;
    private final Map<Long, Pair> pairs = new HashMap<>();
    private final PriorityQueue<Candidate> queue = new PriorityQueue<>(MOST_FREQUENT_FIRST);
    private final List<String> tokens = new ArrayList<>();
    private final List<Merge> merges = new ArrayList<>();

    private BpeTrainer(WordCounts words) {
        int[] idOfByte = new int[256];
        for (char c : ByteAlphabet.sortedCharacters()) {
            idOfByte[ByteAlphabet.toByte(c)] = tokens.size();
            tokens.add(String.valueOf(c));
        }
        weights = new long[words.size()];
        cells = new int[Math.toIntExact(words.distinctBytes() + words.size() + 1)];
        Layout layout = new Layout(idOfByte);
        words.drain(layout);
        cells[layout.end] = BORDER;
        for (int place = 0; place < layout.end; place++) {
            if (cells[place] >= 0 && cells[place + 1] >= 0) {
                addPair(pairs, place, cells[place], cells[place + 1], weightAt(place));
            }
        }
        enqueue(pairs.values());
    }

    /// Writes the words into the cells.
    private final class Layout implements WordCounts.Visitor {
        private final int[] idOfByte;
        private int words;
        private int end;

        Layout(int[] idOfByte) {
            this.idOfByte = idOfByte;
        }

        @Override
        public void word(byte[] bytes, long count) {
            cells[end++] = BORDER + words;
            weights[words++] = count;
            for (byte b : bytes) {
                cells[end++] = idOfByte[b & 0xFF];
            }
        }
    }

    /// Trains on the texts.
    ///
    /// @param texts documents; line breaks in them are learned like any other text
    /// @param vocabularySize the number of ids wanted, the 256 bytes and 3 control tokens included. There will be fewer
    ///     if the texts have no pair left that occurs twice; see [TrainedBpe#size]
    public static TrainedBpe train(Iterator<String> texts, int vocabularySize) {
        return train(texts, vocabularySize, MAX_DISTINCT_BYTES);
    }

    static TrainedBpe train(Iterator<String> texts, int vocabularySize, long maxDistinctBytes) {
        int smallest = 256 + CONTROL_TOKENS.size();
        if (vocabularySize < smallest || vocabularySize > MAX_VOCABULARY) {
            throw new IllegalArgumentException("the vocabulary size must be from " + smallest + " to " + MAX_VOCABULARY
                    + ", but is " + vocabularySize);
        }
        WordCounts words = new WordCounts(TokenizerReader.QWEN_PATTERN, maxDistinctBytes);
        words.addAll(texts);
        BpeTrainer trainer = new BpeTrainer(words);
        trainer.mergeUpTo(vocabularySize - CONTROL_TOKENS.size());
        return new TrainedBpe(trainer.tokens, trainer.merges);
    }

    private void mergeUpTo(int size) {
        while (tokens.size() < size) {
            Pair pair = mostFrequent();
            if (pair == null) {
                return;
            }
            pairs.remove(key(pair.left, pair.right));
            String left = tokens.get(pair.left);
            String right = tokens.get(pair.right);
            merges.add(new Merge(left, right));
            int merged = tokens.size();
            tokens.add(left + right);
            merge(pair, merged);
        }
    }

    private @Nullable Pair mostFrequent() {
        while (true) {
            Candidate candidate = queue.poll();
            if (candidate == null) {
                return null;
            }
            Pair pair = candidate.pair();
            if (pair.count == candidate.count()) {
                return pair;
            }
            if (pair.count >= MIN_COUNT) {
                queue.add(new Candidate(pair, pair.count));
            }
        }
    }

    /// Replaces the pair wherever it occurs. All pairs with the new token arise here and now; later they only become
    /// fewer.
    private void merge(Pair pair, int merged) {
        Map<Long, Pair> created = new HashMap<>();
        for (int i = 0; i < pair.size; i++) {
            int place = pair.places[i];
            int rightPlace = next(place);
            // An overlapping occurrence (the second of "aaa") may be gone.
            if (cells[place] != pair.left || cells[rightPlace] != pair.right) {
                continue;
            }
            long weight = weightAt(place);
            int end = next(rightPlace);
            int before = previous(place);
            if (before >= 0) {
                removePair(created, cells[before], pair.left, weight);
                addPair(created, before, cells[before], merged, weight);
            }
            if (cells[end] >= 0) {
                removePair(created, pair.right, cells[end], weight);
                addPair(created, place, merged, cells[end], weight);
            }
            cells[place] = merged;
            // No token starts here any more, and none may seem to.
            cells[rightPlace] = place - end;
            cells[place + 1] = place - end;
            cells[end - 1] = place - end;
        }
        created.values().removeIf(fresh -> fresh.count < MIN_COUNT);
        pairs.putAll(created);
        enqueue(created.values());
    }

    private void enqueue(Iterable<Pair> fresh) {
        for (Pair pair : fresh) {
            if (pair.count >= MIN_COUNT) {
                queue.add(new Candidate(pair, pair.count));
            }
        }
    }

    private static void addPair(Map<Long, Pair> pairs, int place, int left, int right, long weight) {
        pairs.computeIfAbsent(key(left, right), key -> new Pair(left, right)).add(place, weight);
    }

    private void removePair(Map<Long, Pair> created, int left, int right, long weight) {
        Long key = key(left, right);
        Pair pair = pairs.get(key);
        if (pair == null) {
            pair = created.get(key);
        }
        if (pair != null) {
            pair.count -= weight;
        }
    }

    /// Distinct for distinct pairs, and mixed, because the hash of a plain `left << 32 | right` would be `left ^
    /// right`.
    private static long key(int left, int right) {
        return ((long) left << 32 | right) * 0x9E3779B97F4A7C15L;
    }

    /// Where the token after the one at this place starts, or the border that follows.
    private int next(int place) {
        int second = cells[place + 1];
        return second < 0 && second >= -MAX_LENGTH ? place - second : place + 1;
    }

    /// Where the token before the one at this place starts, or -1.
    private int previous(int place) {
        int last = cells[place - 1];
        if (last >= 0) {
            return place - 1;
        }
        return last >= -MAX_LENGTH ? place + last : -1;
    }

    /// No token is longer than a word; four bytes a character at most, and one character more where a pair of
    /// surrogates is kept.
    private static final int MAX_LENGTH = 4 * (WordCounts.MAX_CHUNK + 1);

    private long weightAt(int place) {
        int at = place;
        while (cells[at] >= -MAX_LENGTH) {
            at--;
        }
        return weights[cells[at] - BORDER];
    }
}
