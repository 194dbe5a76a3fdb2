package dev.fenlei.lora.evaluate;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/// Counts of true label against predicted label over a fixed label set, and of the answers outside it.
///
/// @param labels  the label set, in order
/// @param counts  `[labels][labels]`: row = true label, column = predicted label
/// @param missed  `[labels]`: per true label, the answers that are no label of the set
/// @param invalid how often each answer outside the set was given; no answer at all counts as the empty string
public record ConfusionMatrix(
        List<String> labels, int[][] counts, int[] missed, SequencedMap<String, Integer> invalid) {

    /// Counts.
    ///
    /// @param labels      the label set, without repeats
    /// @param truth       `[rows]`: the true labels, all of the set
    /// @param predictions `[rows]`: the answers; null and texts outside the set are invalid answers, never a class of
    ///                    their own
    /// @throws IllegalArgumentException when there are no rows, the lengths differ, or a true label is not in the set
    public static ConfusionMatrix of(
            List<String> labels, List<String> truth, List<? extends @Nullable String> predictions) {
        if (truth.size() != predictions.size()) {
            throw new IllegalArgumentException(truth.size() + " true labels but " + predictions.size()
                    + " predictions");
        }
        if (truth.isEmpty()) {
            throw new IllegalArgumentException("There is nothing to evaluate: no rows");
        }
        Map<String, Integer> index = index(labels);
        int[][] counts = new int[labels.size()][labels.size()];
        int[] missed = new int[labels.size()];
        TreeMap<String, Integer> invalid = new TreeMap<>();
        for (int i = 0; i < truth.size(); i++) {
            Integer row = index.get(truth.get(i));
            if (row == null) {
                throw new IllegalArgumentException(
                        "The true label \"" + truth.get(i) + "\" of row " + (i + 1) + " is not in the label set "
                                + labels);
            }
            String prediction = predictions.get(i);
            Integer column = prediction == null ? null : index.get(prediction);
            if (column == null) {
                missed[row]++;
                invalid.merge(prediction == null ? "" : prediction, 1, Integer::sum);
            } else {
                counts[row][column]++;
            }
        }
        return new ConfusionMatrix(List.copyOf(labels), counts, missed, invalid);
    }

    /// The position of each label.
    ///
    /// @throws IllegalArgumentException when a label stands there twice
    static Map<String, Integer> index(List<String> labels) {
        Map<String, Integer> index = new HashMap<>();
        for (String label : labels) {
            if (index.put(label, index.size()) != null) {
                throw new IllegalArgumentException("The label \"" + label + "\" is in the label set twice");
            }
        }
        return index;
    }

    /// All rows.
    public int total() {
        int total = 0;
        for (int i = 0; i < counts.length; i++) {
            total += support(i);
        }
        return total;
    }

    /// The rows with a right answer.
    public int correct() {
        int correct = 0;
        for (int i = 0; i < counts.length; i++) {
            correct += counts[i][i];
        }
        return correct;
    }

    /// The rows whose true label is this one.
    public int support(int label) {
        int sum = missed[label];
        for (int count : counts[label]) {
            sum += count;
        }
        return sum;
    }

    /// The rows whose predicted label is this one.
    public int predicted(int label) {
        int sum = 0;
        for (int[] row : counts) {
            sum += row[label];
        }
        return sum;
    }

    /// The rows whose answer is outside the set.
    public int invalidCount() {
        int sum = 0;
        for (int count : missed) {
            sum += count;
        }
        return sum;
    }
}
