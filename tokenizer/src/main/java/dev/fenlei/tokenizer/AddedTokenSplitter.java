package dev.fenlei.tokenizer;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Finds added tokens in a text: at every place the longest that matches, from left to right.
///
/// Source: `AddedVocabulary::find_matches` in huggingface/tokenizers.
final class AddedTokenSplitter {

    private static final Pattern WORD = Pattern.compile("\\w", Pattern.UNICODE_CHARACTER_CLASS);

    /// Receives the pieces of a text in order.
    interface Sink {
        void plain(String text);

        void token(int id);
    }

    private record Entry(String content, AddedToken token) {}

    /// By first character, longest first.
    private final Map<Character, List<Entry>> entries = new HashMap<>();

    /// @param form how a token's content is to be transformed before it is looked for
    AddedTokenSplitter(List<AddedToken> tokens, UnaryOperator<String> form) {
        for (AddedToken token : tokens) {
            String content = form.apply(token.content());
            entries.computeIfAbsent(content.charAt(0), first -> new ArrayList<>()).add(new Entry(content, token));
        }
        Comparator<Entry> longestFirst = Comparator.comparing(entry -> -entry.content().length());
        entries.values().forEach(list -> list.sort(longestFirst));
    }

    void split(String text, Sink sink) {
        int done = 0;
        int at = 0;
        while (at < text.length()) {
            Entry match = matchAt(text, at);
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
                while (start > done && isWhitespace(text.charAt(start - 1))) {
                    start--;
                }
            }
            if (token.stripRight()) {
                while (end < text.length() && isWhitespace(text.charAt(end))) {
                    end++;
                }
                at = end;
            }
            if (start > done) {
                sink.plain(text.substring(done, start));
            }
            sink.token(token.id());
            done = end;
        }
        if (done < text.length()) {
            sink.plain(text.substring(done));
        }
    }

    private @Nullable Entry matchAt(String text, int at) {
        for (Entry entry : entries.getOrDefault(text.charAt(at), List.of())) {
            if (text.startsWith(entry.content(), at)) {
                return entry;
            }
        }
        return null;
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

    /// The Unicode property White_Space; all its characters are in the basic plane.
    private static boolean isWhitespace(char c) {
        return Character.isSpaceChar(c) || (c >= '\t' && c <= '\r') || c == '\u0085';
    }
}
