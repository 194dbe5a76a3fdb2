package dev.fenlei.lora.data;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a text is to be sorted into: the candidates of its own row, or one list for all.
public final class CandidatePolicy {

    private final @Nullable List<String> fixed;
    private final List<String> fallback;

    private CandidatePolicy(@Nullable List<String> fixed, List<String> fallback) {
        this.fixed = fixed;
        this.fallback = List.copyOf(fallback);
    }

    /// Each row's own candidates; `fallback` where a row names none.
    public static CandidatePolicy ofRows(List<String> fallback) {
        return new CandidatePolicy(null, fallback);
    }

    /// The same candidates for every row.
    public static CandidatePolicy fixed(List<String> candidates) {
        return new CandidatePolicy(List.copyOf(candidates), List.of());
    }

    /// The candidates of an example.
    ///
    /// @param source the file, for messages
    /// @throws DataException if there are none, or the example's label is not among them
    public List<String> candidates(Example example, String source) {
        List<String> candidates = fixed != null
                ? fixed
                : example.candidates().isEmpty() ? fallback : example.candidates();
        if (candidates.isEmpty()) {
            throw new DataException(
                    source, example.line(), "category",
                    "the row names no candidates; name them with --candidates FILE");
        }
        if (example.label() != null && !candidates.contains(example.label())) {
            throw new DataException(
                    source,
                    example.line(),
                    "output",
                    "the label \"" + example.label() + "\" is not among the candidates " + candidates);
        }
        return candidates;
    }
}
