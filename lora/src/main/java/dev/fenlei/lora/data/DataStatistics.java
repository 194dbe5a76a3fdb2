package dev.fenlei.lora.data;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.TreeMap;

/// What a set of examples looks like.
///
/// @param count             the examples
/// @param classCounts       examples of each label, ordered by label; those without a label are left out
/// @param unlabelled        examples without a label
/// @param lengths           the lengths of the texts, in code points
/// @param duplicates        examples whose text occurred before
/// @param conflicting       of these, those whose first occurrence has another label
public record DataStatistics(
        int count,
        SequencedMap<String, Integer> classCounts,
        int unlabelled,
        Lengths lengths,
        int duplicates,
        int conflicting) {

    /// Lengths of texts, in code points. The median and the 95th percentile are values that occur (nearest rank).
    public record Lengths(int min, int median, int percentile95, int max, double mean) {

        private static Lengths of(int[] lengths) {
            Arrays.sort(lengths);
            int last = lengths.length - 1;
            return new Lengths(
                    lengths[0],
                    lengths[last / 2],
                    lengths[(int) Math.ceil(0.95 * lengths.length) - 1],
                    lengths[last],
                    Arrays.stream(lengths).average().orElse(0));
        }
    }

    /// Counts.
    ///
    /// @throws IllegalArgumentException when there are no examples
    public static DataStatistics of(List<Example> examples) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("There are no examples");
        }
        TreeMap<String, Integer> classCounts = new TreeMap<>();
        Map<String, Example> firsts = new HashMap<>();
        int[] lengths = new int[examples.size()];
        int unlabelled = 0;
        int duplicates = 0;
        int conflicting = 0;
        for (int i = 0; i < lengths.length; i++) {
            Example example = examples.get(i);
            lengths[i] = example.text().codePointCount(0, example.text().length());
            if (example.label() == null) {
                unlabelled++;
            } else {
                classCounts.merge(example.label(), 1, Integer::sum);
            }
            Example first = firsts.putIfAbsent(example.text(), example);
            if (first != null) {
                duplicates++;
                conflicting += Objects.equals(first.label(), example.label()) ? 0 : 1;
            }
        }
        return new DataStatistics(examples.size(), classCounts, unlabelled, Lengths.of(lengths), duplicates,
                conflicting);
    }
}
