package dev.fenlei.tokenizer;

import java.util.List;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/// Finds added tokens in the trusted parts of a text: at every place the longest that matches, from left to right.
///
/// Source: `AddedVocabulary::find_matches` in huggingface/tokenizers.
final class AddedTokenSplitter {

    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{M}\\p{Nd}\\p{Pc}]");

    /// Receives the pieces of a text in order.
    interface Sink {
        void plain(int start, int end);

        void token(int id);
    }

    private record Entry(String content, AddedToken token) {}

    private final LongestMatch<Entry> tokens;

    /// @param form how a token's content is to be transformed before it is looked for
    AddedTokenSplitter(List<AddedToken> tokens, UnaryOperator<String> form) {
        List<Entry> entries = tokens.stream()
                .map(token -> new Entry(form.apply(token.content()), token))
                .filter(entry -> !entry.content().isEmpty())
                .toList();
        this.tokens = new LongestMatch<>(entries, Entry::content);
    }

    boolean isEmpty() {
        return tokens.isEmpty();
    }

    void split(String text, Trusted trusted, Sink sink) {
        int done = 0;
        int at = tokens.isEmpty() || trusted.isEmpty() ? text.length() : 0;
        while (at < text.length()) {
            int place = at;
            Entry match = tokens.at(
                    text, at, entry -> trusted.contains(place, place + entry.content().length()));
            if (match == null) {
                at++;
                continue;
            }
            int start = at;
            int end = at + match.content().length();
            at = end;
            AddedToken token = match.token();
            if (token.singleWord() && (isWordBefore(text, start) || isWordAt(text, end))) {
                continue;
            }
            if (token.stripLeft()) {
                while (start > done && WhiteSpace.is(text.charAt(start - 1))) {
                    start--;
                }
            }
            if (token.stripRight()) {
                while (end < text.length() && WhiteSpace.is(text.charAt(end))) {
                    end++;
                }
                at = end;
            }
            if (start > done) {
                sink.plain(done, start);
            }
            sink.token(token.id());
            done = end;
        }
        if (done < text.length()) {
            sink.plain(done, text.length());
        }
    }

    private static boolean isWordBefore(String text, int index) {
        return index > 0 && isWord(text.codePointBefore(index));
    }

    private static boolean isWordAt(String text, int index) {
        return index < text.length() && isWord(text.codePointAt(index));
    }

    private static boolean isWord(int codePoint) {
        return WORD.matcher(Character.toString(codePoint)).matches();
    }
}
