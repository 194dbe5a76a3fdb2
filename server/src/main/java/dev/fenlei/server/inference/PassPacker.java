package dev.fenlei.server.inference;

import dev.fenlei.lora.classify.Classifier.Prepared;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/// Fills passes with the texts that wait, in the order of their requests.
final class PassPacker {

    /// A text of a pass.
    record Entry(Scoring scoring, Prepared text) {}

    private final int maxTokens;
    private final Deque<Scoring> waiting = new ArrayDeque<>();

    /// @param maxTokens the most tokens of a pass, unless one text alone has more
    PassPacker(int maxTokens) {
        this.maxTokens = maxTokens;
    }

    void add(Scoring scoring) {
        waiting.add(scoring);
    }

    boolean isEmpty() {
        dropOver();
        return waiting.isEmpty();
    }

    /// When the request came that has waited the longest; only if there is one.
    long oldestArrival() {
        return waiting.getFirst().arrived();
    }

    /// Whether what waits fills a pass, so that nothing is gained by waiting for more.
    boolean isFull() {
        long tokens = 0;
        for (Scoring scoring : waiting) {
            tokens += scoring.peek().tokens();
            if (tokens >= maxTokens) {
                return true;
            }
        }
        return false;
    }

    /// Takes the texts of the next pass.
    List<Entry> next() {
        List<Entry> entries = new ArrayList<>();
        long tokens = 0;
        dropOver();
        while (!waiting.isEmpty()) {
            Scoring scoring = waiting.getFirst();
            int size = scoring.peek().tokens();
            if (!entries.isEmpty() && tokens + size > maxTokens) {
                break;
            }
            entries.add(new Entry(scoring, scoring.take()));
            tokens += size;
            if (!scoring.hasNext()) {
                waiting.removeFirst();
                dropOver();
            }
        }
        return entries;
    }

    /// Ends everything that waits.
    void failAll(Throwable cause) {
        waiting.forEach(scoring -> scoring.result().completeExceptionally(cause));
        waiting.clear();
    }

    private void dropOver() {
        while (!waiting.isEmpty() && waiting.getFirst().isOver()) {
            waiting.removeFirst();
        }
    }
}
