package dev.fenlei.tokenizer;

import java.util.regex.Pattern;

/// Turns the regular expressions of tokenizer files, which are Oniguruma's, into Java's. Only what means the same in both,
/// or can be written so that it does, is accepted; the rest is refused by name.
///
/// Source: `doc/RE` of kkos/oniguruma.
final class Oniguruma {

    private static final int MAX_LENGTH = 1 << 16;
    private static final int MAX_GROUPS = 64;

    /// Oniguruma's word characters; Java's are others.
    private static final String WORD = "\\p{L}\\p{M}\\p{Nd}\\p{Pc}";

    private final String source;
    private final StringBuilder java = new StringBuilder();
    private int at;

    private Oniguruma(String source) {
        this.source = source;
    }

    /// @throws IllegalArgumentException if the pattern is malformed, or has a construct that is not supported
    static Pattern compile(String pattern) {
        if (pattern.isEmpty() || pattern.length() > MAX_LENGTH) {
            throw new IllegalArgumentException("the pattern must have 1 to " + MAX_LENGTH + " characters");
        }
        return Pattern.compile(new Oniguruma(pattern).translate(), Pattern.UNICODE_CHARACTER_CLASS);
    }

    private String translate() {
        int depth = 0;
        while (at < source.length()) {
            char c = source.charAt(at++);
            switch (c) {
                case '\\' -> escape(false);
                case '[' -> characterClass();
                case '(' -> {
                    if (++depth > MAX_GROUPS) {
                        throw unsupported("more than " + MAX_GROUPS + " groups within each other");
                    }
                    openGroup();
                }
                case ')' -> {
                    depth--;
                    java.append(c);
                    refuseLoop();
                }
                case '{' -> interval();
                case '.' -> java.append("[^\\n]");
                case '^', '$' -> throw unsupported("the anchor " + c);
                case '|', '?', '*', '+' -> java.append(c);
                default -> literal(c);
            }
        }
        return java.toString();
    }

    private void openGroup() {
        if (at >= source.length() || source.charAt(at) != '?') {
            java.append("(?:");
            return;
        }
        for (String form : new String[] {"?:", "?i:", "?i)", "?=", "?!", "?<=", "?<!", "?>"}) {
            if (source.startsWith(form, at)) {
                java.append('(').append(form);
                at += form.length();
                return;
            }
        }
        throw unsupported("the group (" + source.substring(at, Math.min(source.length(), at + 3)));
    }

    /// Java runs such loops by recursion and would exhaust its stack on a long text.
    private void refuseLoop() {
        if (at < source.length() && "*+{".indexOf(source.charAt(at)) >= 0) {
            throw unsupported("a repeated group");
        }
    }

    private void interval() {
        int close = source.indexOf('}', at);
        String body = close < 0 ? "" : source.substring(at, close);
        if (!body.matches("\\d{1,4}(,\\d{0,4})?")) {
            throw unsupported("{ that begins no repetition");
        }
        at = close + 1;
        if (at < source.length() && source.charAt(at) == '+') {
            throw unsupported("+ behind an interval");
        }
        java.append('{').append(body).append('}');
    }

    private void characterClass() {
        java.append('[');
        if (at < source.length() && source.charAt(at) == '^') {
            java.append('^');
            at++;
        }
        int first = at;
        while (true) {
            char c = next("a character class without ]");
            if (c == ']' && at - 1 > first) {
                java.append(c);
                return;
            }
            switch (c) {
                case '\\' -> escape(true);
                case '[', ']' -> throw unsupported("a character class within another");
                case '-' -> java.append(c);
                default -> {
                    if (c == '&' && source.startsWith("&", at)) {
                        throw unsupported("the intersection &&");
                    }
                    literal(c);
                }
            }
        }
    }

    private void escape(boolean inClass) {
        char c = next("\\ at the end");
        switch (c) {
            case 'r', 'n', 't', 'f', 'a', 'e', 's', 'S' -> java.append('\\').append(c);
            case 'v' -> java.append("\\x0B");
            case 'd' -> java.append("\\p{Nd}");
            case 'D' -> java.append("\\P{Nd}");
            case 'w' -> java.append(inClass ? WORD : "[" + WORD + "]");
            case 'p', 'P' -> property(c);
            case 'x', 'u' -> code(c);
            default -> {
                if (c == 'W' && !inClass) {
                    java.append("[^" + WORD + "]");
                    return;
                }
                if (Character.isLetterOrDigit(c)) {
                    throw unsupported("\\" + c);
                }
                literal(c);
            }
        }
    }

    private void property(char sign) {
        int close = source.indexOf('}', at);
        if (at >= source.length() || source.charAt(at) != '{' || close < 0) {
            throw unsupported("\\" + sign + " without {…}");
        }
        String name = source.substring(at + 1, close);
        boolean negated = name.startsWith("^");
        name = negated ? name.substring(1) : name;
        at = close + 1;
        if (!name.matches("L[ulmot]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cfson]?")) {
            name = "Is" + script(name);
        }
        java.append('\\').append(negated == (sign == 'P') ? 'p' : 'P').append('{').append(name).append('}');
    }

    private String script(String name) {
        try {
            Character.UnicodeScript.forName(name);
            return name;
        } catch (IllegalArgumentException e) {
            throw unsupported("the property " + name);
        }
    }

    private void code(char form) {
        int braceless = form == 'u' ? 4 : 2;
        boolean braces = form == 'x' && source.startsWith("{", at);
        int end = braces ? source.indexOf('}', at) : Math.min(source.length(), at + braceless);
        String digits = end < 0 ? "" : source.substring(braces ? at + 1 : at, end);
        if (!digits.matches(braces ? "[0-9A-Fa-f]{1,6}" : "[0-9A-Fa-f]{" + braceless + "}")) {
            throw unsupported("\\" + form + " without hexadecimal digits");
        }
        java.append("\\x{").append(digits).append('}');
        at = braces ? end + 1 : end;
    }

    private void literal(char c) {
        boolean plain = c > '~' || Character.isLetterOrDigit(c);
        java.append(plain ? "" : "\\").append(c);
    }

    private char next(String problem) {
        if (at >= source.length()) {
            throw unsupported(problem);
        }
        return source.charAt(at++);
    }

    private IllegalArgumentException unsupported(String what) {
        return new IllegalArgumentException("at character " + at + ": " + what + " is not supported");
    }
}
