package dev.fenlei.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/// Finds which of some strings stands at a place of a text, the longest of several.
final class LongestMatch<T> {

    private record Entry<T>(String content, T value) {}

    /// By first character, longest first.
    private final Map<Character, List<Entry<T>>> entries = new HashMap<>();

    /// @param content what string stands for a value; not empty
    LongestMatch(List<T> values, Function<T, String> content) {
        for (T value : values) {
            String text = content.apply(value);
            entries.computeIfAbsent(text.charAt(0), first -> new ArrayList<>()).add(new Entry<>(text, value));
        }
        entries.values().forEach(list -> list.sort(Comparator.comparing(entry -> -entry.content().length())));
    }

    boolean isEmpty() {
        return entries.isEmpty();
    }

    /// The value of the longest string at this place that may stand there.
    @Nullable
    T at(String text, int place, Predicate<T> allowed) {
        for (Entry<T> entry : entries.getOrDefault(text.charAt(place), List.of())) {
            if (text.startsWith(entry.content(), place) && allowed.test(entry.value())) {
                return entry.value();
            }
        }
        return null;
    }
}
