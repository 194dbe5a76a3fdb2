package dev.fenlei.lora.pretrain;

import dev.fenlei.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/// The words that set a text apart from others: tokens of at least two letters that occur in it at least twice, by the
/// greatest `tf · ln(N / df)` (Salton & Buckley 1988).
final class Keywords {

    private final boolean[] isWord;
    private final int[] documents;
    private final int count;

    /// Counts in how many of the texts each token occurs.
    Keywords(Tokenizer tokenizer, List<int[]> texts) {
        isWord = new boolean[tokenizer.size()];
        for (int id = 0; id < isWord.length; id++) {
            String word = tokenizer.decode(new int[] {id}).strip();
            isWord[id] = word.codePointCount(0, word.length()) >= 2
                    && word.codePoints().allMatch(Character::isLetter);
        }
        documents = new int[isWord.length];
        int[] last = new int[isWord.length];
        for (int i = 0; i < texts.size(); i++) {
            for (int id : texts.get(i)) {
                if (last[id] != i + 1) {
                    last[id] = i + 1;
                    documents[id]++;
                }
            }
        }
        count = texts.size();
    }

    /// The words of one of the texts, most characteristic first.
    int[] of(int[] text, int most) {
        int[] sorted = Arrays.stream(text).filter(id -> isWord[id]).sorted().toArray();
        record Word(int id, double weight) {}
        List<Word> words = new ArrayList<>();
        for (int from = 0; from < sorted.length;) {
            int to = from;
            while (to < sorted.length && sorted[to] == sorted[from]) {
                to++;
            }
            if (to - from >= 2) {
                words.add(new Word(
                        sorted[from], (to - from) * Math.log((double) count / documents[sorted[from]])));
            }
            from = to;
        }
        // Equal weights fall back on the order of the ids, as sorting is stable.
        words.sort(Comparator.comparingDouble(Word::weight).reversed());
        return words.stream().limit(most).mapToInt(Word::id).toArray();
    }
}
