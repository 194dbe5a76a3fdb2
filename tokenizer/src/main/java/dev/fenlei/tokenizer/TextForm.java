package dev.fenlei.tokenizer;

import java.text.Normalizer;

/// Unicode forms of a text, in linear time for hostile texts too.
final class TextForm {

    /// Combining marks on one letter; beyond, the rest is composed separately. Sorting marks takes quadratic time, and
    /// Unicode's stream-safe format (UAX 15) allows 30.
    static final int MAX_MARKS = 256;

    private TextForm() {}

    /// Unicode's composed form (NFC).
    static String compose(String text) {
        return normalize(text, Normalizer.Form.NFC);
    }

    static String normalize(String text, Normalizer.Form form) {
        StringBuilder normalized = new StringBuilder();
        int start = 0;
        int marks = 0;
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            marks = isMark(text.codePointAt(i)) ? marks + 1 : 0;
            if (marks == MAX_MARKS) {
                normalized.append(Normalizer.normalize(text.substring(start, i), form));
                start = i;
                marks = 0;
            }
        }
        String rest = Normalizer.normalize(text.substring(start), form);
        return start == 0 ? rest : normalized.append(rest).toString();
    }

    private static boolean isMark(int codePoint) {
        if (codePoint < 0x300) {
            return false;
        }
        int type = Character.getType(codePoint);
        return type == Character.NON_SPACING_MARK
                || type == Character.COMBINING_SPACING_MARK
                || type == Character.ENCLOSING_MARK;
    }

    /// Replaces surrogates that have no partner by U+FFFD; UTF-8 has no form for them.
    static String withoutLoneSurrogates(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isSurrogate(text.charAt(i))) {
                int[] codePoints = text.codePoints()
                        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                        .toArray();
                return new String(codePoints, 0, codePoints.length);
            }
        }
        return text;
    }
}
