package dev.fenlei.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeout;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class BpeMergerTest {

    private static final int ALPHABET = 4;

    /// Few symbols are merged by search and many by a heap; ranks repeat, so that the leftmost pair must win.
    @Test
    void mergesWhatTheDefinitionMerges() {
        for (int seed = 0; seed < 300; seed++) {
            Random random = new Random(seed);
            PairTable pairs = new PairTable(1);
            for (int i = 0; i < 40; i++) {
                pairs.put(random.nextInt(ALPHABET + i), random.nextInt(ALPHABET + i), random.nextInt(25), ALPHABET + i);
            }
            int[] symbols = random.ints(random.nextInt(400), 0, ALPHABET).toArray();
            BpeMerger.Work work = new BpeMerger.Work();
            work.reserve(symbols.length);
            System.arraycopy(symbols, 0, work.symbols, 0, symbols.length);
            int count = new BpeMerger(pairs).merge(work, symbols.length);
            assertThat(Arrays.copyOf(work.symbols, count)).as("seed %d", seed).isEqualTo(naive(pairs, symbols));
        }
    }

    private static int[] naive(PairTable pairs, int[] symbols) {
        List<Integer> list = new ArrayList<>(Arrays.stream(symbols).boxed().toList());
        while (true) {
            int best = PairTable.NO_RANK;
            int at = -1;
            for (int i = 0; i + 1 < list.size(); i++) {
                int rank = PairTable.rank(pairs.get(list.get(i), list.get(i + 1)));
                if (rank < best) {
                    best = rank;
                    at = i;
                }
            }
            if (at < 0) {
                return list.stream().mapToInt(Integer::intValue).toArray();
            }
            list.set(at, PairTable.result(pairs.get(list.get(at), list.remove(at + 1))));
        }
    }

    /// Quadratic work would take hours.
    @Test
    void aMillionEqualSymbolsAreSoonMerged() {
        PairTable pairs = new PairTable(20);
        for (int i = 0; i < 20; i++) {
            pairs.put(i, i, i, i + 1);
        }
        BpeMerger.Work work = new BpeMerger.Work();
        work.reserve(1 << 20);
        int count = assertTimeout(Duration.ofSeconds(10), () -> new BpeMerger(pairs).merge(work, 1 << 20));
        assertThat(Arrays.copyOf(work.symbols, count)).containsExactly(20);
    }
}
