package dev.fenlei.tokenizer;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Cuts a text into the pieces within which tokens are merged.
///
/// Source: the module `pre_tokenizers` of huggingface/tokenizers.
interface PreTokenizer {

    PreTokenizer NONE = (text, start, end, place, sink) -> sink.accept(text, start, end, place);

    /// GPT-2's pattern, which the step ByteLevel has of its own.
    String GPT2_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

    /// Receives the pieces of a text in order.
    interface Sink {
        void accept(String text, int start, int end, Place place);
    }

    /// What becomes of a delimiter: the values of Hugging Face.
    enum Behavior {
        Isolated,
        Removed,
        MergedWithPrevious,
        MergedWithNext,
        Contiguous
    }

    void split(String text, int start, int end, Place place, Sink sink);

    static PreTokenizer sequence(List<PreTokenizer> steps) {
        PreTokenizer chain = NONE;
        for (PreTokenizer step : steps.reversed()) {
            PreTokenizer rest = chain;
            chain = rest == NONE
                    ? step
                    : (text, start, end, place, sink) -> step.split(
                            text, start, end, place, (t, from, to, at) -> rest.split(t, from, to, at, sink));
        }
        return chain;
    }

    /// @param invert whether the pattern describes the pieces instead of what delimits them
    static PreTokenizer split(Pattern pattern, Behavior behavior, boolean invert) {
        return (text, start, end, place, sink) -> {
            Cutter cutter = new Cutter(behavior, text, start, place, sink);
            Matcher matcher = pattern.matcher(text).region(start, end);
            int done = start;
            while (matcher.find()) {
                if (matcher.start() > done) {
                    cutter.add(matcher.start(), invert);
                }
                if (matcher.end() > matcher.start()) {
                    cutter.add(matcher.end(), !invert);
                }
                done = matcher.end();
            }
            if (done < end) {
                cutter.add(end, invert);
            }
            cutter.finish();
        };
    }

    static PreTokenizer prefixSpace() {
        return (text, start, end, place, sink) -> {
            if (place == Place.INSIDE || start == end || text.charAt(start) == ' ') {
                sink.accept(text, start, end, place);
            } else {
                sink.accept(" " + text.substring(start, end), 0, end - start + 1, place);
            }
        };
    }

    /// @param always whether the mark stands before every stretch, instead of before the first only
    static PreTokenizer metaspace(char mark, boolean prepend, boolean always, boolean cut) {
        PreTokenizer cutting = cut
                ? split(Pattern.compile(Pattern.quote(String.valueOf(mark))), Behavior.MergedWithNext, false)
                : NONE;
        return (text, start, end, place, sink) -> {
            String marked = text.substring(start, end).replace(' ', mark);
            boolean wanted = prepend && place != Place.INSIDE && (always || place == Place.START);
            if (wanted && (marked.isEmpty() || marked.charAt(0) != mark)) {
                marked = mark + marked;
            }
            cutting.split(marked, 0, marked.length(), place, sink);
        };
    }

    /// Joins delimiters and what is between them to pieces.
    final class Cutter {

        private final Behavior behavior;
        private final String text;
        private final int first;
        private final Place place;
        private final Sink sink;
        /// The piece that may still grow, from `start` to `end`; none if they are equal.
        private int start;
        private int end;
        private boolean lastIsDelimiter;

        Cutter(Behavior behavior, String text, int first, Place place, Sink sink) {
            this.behavior = behavior;
            this.text = text;
            this.first = first;
            this.place = place;
            this.sink = sink;
            start = first;
            end = first;
        }

        /// Takes the next stretch, which reaches up to `to`.
        void add(int to, boolean isDelimiter) {
            boolean joins = switch (behavior) {
                case Isolated, Removed -> false;
                case MergedWithPrevious -> isDelimiter && !lastIsDelimiter;
                case MergedWithNext -> !isDelimiter && lastIsDelimiter;
                case Contiguous -> isDelimiter == lastIsDelimiter;
            };
            if (!joins) {
                finish();
            }
            if (behavior == Behavior.Removed && isDelimiter) {
                start = to;
            }
            end = to;
            lastIsDelimiter = isDelimiter;
        }

        void finish() {
            if (end > start) {
                sink.accept(text, start, end, place.ofPiece(first, start));
            }
            start = end;
        }
    }
}
