package dev.fenlei.lora.evaluate;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/// One line of `predictions.jsonl`: a text and what the classifier made of it.
///
/// @param id            the row's own name, when it has one
/// @param text          the text
/// @param candidates    the labels it was to choose from
/// @param label         the right answer, when known
/// @param prediction    the answer given; null when there was none
/// @param probabilities probability of each candidate; empty when the classifier gives none
public record PredictionRecord(
        @Nullable String id,
        String text,
        List<String> candidates,
        @Nullable String label,
        @Nullable String prediction,
        SequencedMap<String, Double> probabilities) {

    public PredictionRecord {
        candidates = List.copyOf(candidates);
        probabilities = new LinkedHashMap<>(probabilities);
    }

    /// Whether the answer is the right one.
    public boolean correct() {
        return label != null && label.equals(prediction);
    }

    /// The record as the JSON object that is written.
    Map<String, @Nullable Object> toJson() {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        if (id != null) {
            json.put("id", id);
        }
        json.put("text", text);
        json.put("candidates", candidates);
        json.put("label", label);
        json.put("prediction", prediction);
        if (!probabilities.isEmpty()) {
            json.put("probabilities", probabilities);
        }
        return json;
    }
}
