package dev.fenlei.tokenizer;

import java.text.Normalizer;
import java.util.regex.Pattern;

/// What happens to a text before its bytes are merged, and the limits that keep the work linear for hostile texts.
final class TextForm {

    /// Letters, punctuation or white space in one run; beyond, the run is cut. Merging is not linear in the length of a
    /// run, and a million characters without a break are no language.
    static final int MAX_RUN = 16_384;

    /// Combining marks on one letter; beyond, the rest is composed separately. Sorting marks takes quadratic time, and
    /// Unicode's stream-safe format (UAX 15) allows 30.
    static final int MAX_MARKS = 256;

    private TextForm() {}

    /// Compiles a tokenizer's pattern with bounded repetitions; `\s`, `\p{L}` … mean the Unicode properties.
    static Pattern compile(String pattern) {
        String bounded = pattern.replace("+", "{1," + MAX_RUN + "}").replace("*", "{0," + MAX_RUN + "}");
        return Pattern.compile(bounded, Pattern.UNICODE_CHARACTER_CLASS);
    }

    /// Unicode's composed form (NFC).
    static String compose(String text) {
        StringBuilder composed = new StringBuilder();
        int start = 0;
        int marks = 0;
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            marks = isMark(text.codePointAt(i)) ? marks + 1 : 0;
            if (marks == MAX_MARKS) {
                composed.append(Normalizer.normalize(text.substring(start, i), Normalizer.Form.NFC));
                start = i;
                marks = 0;
            }
        }
        String rest = Normalizer.normalize(text.substring(start), Normalizer.Form.NFC);
        return start == 0 ? rest : composed.append(rest).toString();
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
        if (text.chars().noneMatch(c -> Character.isSurrogate((char) c))) {
            return text;
        }
        int[] codePoints = text.codePoints()
                .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xFFFD : c)
                .toArray();
        return new String(codePoints, 0, codePoints.length);
    }
}
