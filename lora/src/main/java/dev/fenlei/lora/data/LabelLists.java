package dev.fenlei.lora.data;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.SequencedSet;

/// Parses the ways in which data writes a list of labels into one string: `财经,科技`, `财经，科技、体育`, a Python list
/// `['财经', '科技']`, a JSON array `["财经", "科技"]`.
public final class LabelLists {

    private LabelLists() {}

    /// The labels in order, stripped, without blanks and repeats.
    ///
    /// @throws IllegalArgumentException when a quote or bracket is not closed
    public static List<String> parse(String text) {
        String list = text.strip();
        if (!list.startsWith("[")) {
            return clean(List.of(list.split("[,，、]", -1)));
        }
        if (!list.endsWith("]")) {
            throw new IllegalArgumentException("the list starts with [ but does not end with ]");
        }
        return clean(new Repr(list.substring(1, list.length() - 1)).items());
    }

    /// The same labels stripped, without blanks and repeats.
    static List<String> clean(List<String> labels) {
        SequencedSet<String> distinct = new LinkedHashSet<>();
        for (String label : labels) {
            String stripped = label.strip();
            if (!stripped.isEmpty()) {
                distinct.add(stripped);
            }
        }
        return List.copyOf(distinct);
    }

    /// The inside of a bracketed list: items in single or double quotes with backslash escapes, or bare.
    private static final class Repr {
        private final String text;
        private int at;

        Repr(String text) {
            this.text = text;
        }

        List<String> items() {
            List<String> items = new ArrayList<>();
            while (at < text.length()) {
                char c = text.charAt(at);
                if (Character.isWhitespace(c) || isSeparator(c)) {
                    at++;
                } else {
                    items.add(c == '\'' || c == '"' ? quoted(c) : bare());
                }
            }
            return items;
        }

        private String bare() {
            int start = at;
            while (at < text.length() && !isSeparator(text.charAt(at))) {
                at++;
            }
            return text.substring(start, at);
        }

        private String quoted(char quote) {
            StringBuilder item = new StringBuilder();
            at++;
            while (at < text.length()) {
                char c = text.charAt(at++);
                if (c == quote) {
                    return item.toString();
                }
                item.append(c == '\\' && at < text.length() ? escaped() : c);
            }
            throw new IllegalArgumentException("a quote of the list is not closed");
        }

        private char escaped() {
            char c = text.charAt(at++);
            return switch (c) {
                case 'n' -> '\n';
                case 't' -> '\t';
                case 'r' -> '\r';
                case 'u' -> unicode();
                default -> c;
            };
        }

        private char unicode() {
            if (at + 4 > text.length()) {
                throw new IllegalArgumentException("\\u in the list needs four hexadecimal digits");
            }
            int unit = Integer.parseInt(text, at, at + 4, 16);
            at += 4;
            return (char) unit;
        }

        private static boolean isSeparator(char c) {
            return c == ',' || c == '，' || c == '、';
        }
    }
}
