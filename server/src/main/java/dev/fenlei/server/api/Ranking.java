package dev.fenlei.server.api;

import dev.fenlei.lora.classify.Decision;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// A label and its probability, as text-embeddings-inference and the pipelines of Hugging Face give them.
record Ranking(String label, double score) {

    /// The candidates of a decision, the likeliest first.
    ///
    /// @param most how many at most
    static List<Ranking> of(Decision decision, int most) {
        List<Ranking> all = new ArrayList<>();
        for (int i = 0; i < decision.candidates().size(); i++) {
            all.add(new Ranking(decision.candidates().get(i), decision.probabilities()[i]));
        }
        all.sort(Comparator.comparingDouble(Ranking::score).reversed());
        return all.subList(0, Math.min(most, all.size()));
    }

    /// The candidates of a decision in their own order.
    static Map<String, Double> probabilities(Decision decision) {
        Map<String, Double> probabilities = new LinkedHashMap<>();
        for (int i = 0; i < decision.candidates().size(); i++) {
            probabilities.put(decision.candidates().get(i), decision.probabilities()[i]);
        }
        return probabilities;
    }
}
