package dev.fenlei.engine.generate;

import dev.fenlei.engine.compute.Philox;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/// Chooses the next token from logits. The order of the steps is that of `transformers`: repetition penalty, temperature,
/// top-k, top-p.
final class Sampler {

    private final Generation settings;
    private final boolean[] seen;
    private final int[] random = new int[4];
    private long drawn;

    Sampler(Generation settings, int... prompt) {
        this.settings = settings;
        this.seen = new boolean[settings.vocabularySize()];
        for (int id : prompt) {
            remember(id);
        }
    }

    /// @param logits one row; changed by this call
    int next(float[] logits) {
        int size = Math.min(logits.length, settings.vocabularySize());
        if (settings.repetitionPenalty() != 1) {
            penalise(logits, size);
        }
        int id = settings.temperature() == 0 ? argmax(logits, size) : sample(logits, size);
        remember(id);
        return id;
    }

    private void remember(int id) {
        if (id >= 0 && id < seen.length) {
            seen[id] = true;
        }
    }

    private void penalise(float[] logits, int size) {
        float penalty = (float) settings.repetitionPenalty();
        for (int id = 0; id < size; id++) {
            if (seen[id]) {
                logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
            }
        }
    }

    private static int argmax(float[] logits, int size) {
        int best = 0;
        for (int id = 1; id < size; id++) {
            if (logits[id] > logits[best]) {
                best = id;
            }
        }
        return best;
    }

    private int sample(float[] logits, int size) {
        Integer[] order = IntStream.range(0, size).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparingDouble((Integer id) -> -logits[id]).thenComparing(id -> id));
        int kept = settings.topK() == 0 ? size : Math.min(size, settings.topK());
        double[] probabilities = new double[kept];
        double total = 0;
        for (int i = 0; i < kept; i++) {
            probabilities[i] = Math.exp((logits[order[i]] - logits[order[0]]) / settings.temperature());
            total += probabilities[i];
        }
        double mass = 0;
        int count = 0;
        while (count < kept && (count == 0 || mass < settings.topP() * total)) {
            mass += probabilities[count++];
        }
        Philox.block(settings.seed(), drawn++, random);
        double target = Philox.uniform(random[0]) * mass;
        int choice = 0;
        for (double sum = probabilities[0]; sum <= target && choice < count - 1;) {
            sum += probabilities[++choice];
        }
        return order[choice];
    }
}
