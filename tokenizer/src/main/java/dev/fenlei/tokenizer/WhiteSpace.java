package dev.fenlei.tokenizer;

/// The Unicode property White_Space, which none of Java's own methods is; all its characters are in the basic plane.
final class WhiteSpace {

    private WhiteSpace() {}

    static boolean is(char c) {
        return Character.isSpaceChar(c) || (c >= '\t' && c <= '\r') || c == '\u0085';
    }

    /// Without white space at both ends; the separators U+001C to U+001F count, as in Python and Jinja.
    static String trim(String text) {
        int start = 0;
        int end = text.length();
        while (start < end && isPythonSpace(text.charAt(start))) {
            start++;
        }
        while (end > start && isPythonSpace(text.charAt(end - 1))) {
            end--;
        }
        return text.substring(start, end);
    }

    private static boolean isPythonSpace(char c) {
        return is(c) || (c >= '\u001C' && c <= '\u001F');
    }
}
