package dev.fenlei.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Brings a text into the form in which SentencePiece looks for pieces.
///
/// Source: `Normalizer::Normalize` in `src/normalizer.cc` of google/sentencepiece.
final class SentencePieceNormalizer {

    private final Spec spec;
    private final LongestMatch<UserSymbol> userSymbols;

    /// @param dummyPrefix whether a space is put before the text
    /// @param removesExtraSpaces whether spaces at the ends go, and of several in a row all but one
    /// @param escapesSpaces whether spaces are written as U+2581
    /// @param charsMap what is replaced, or null for nothing
    record Spec(
            boolean dummyPrefix, boolean removesExtraSpaces, boolean escapesSpaces, @Nullable CharsMap charsMap) {}

    /// @param isMarkup see [SentencePieceVocabulary.Piece#isMarkup()]
    record UserSymbol(String text, int id, boolean isMarkup) {}

    /// A symbol in the normalized text that was found in the text as given.
    record Found(int start, int end, int id) {}

    /// @param found in ascending order
    record Normalized(StringBuilder text, List<Found> found) {}

    SentencePieceNormalizer(Spec spec, LongestMatch<UserSymbol> userSymbols) {
        this.spec = spec;
        this.userSymbols = userSymbols;
    }

    Normalized normalize(String text, Trusted trusted, Place place) {
        Normalized result = new Normalized(new StringBuilder(text.length() + 1), new ArrayList<>());
        StringBuilder out = result.text();
        String space = spec.escapesSpaces() ? String.valueOf(SentencePieceVocabulary.SPACE) : " ";
        byte[] utf8 = spec.charsMap() == null ? new byte[0] : text.getBytes(StandardCharsets.UTF_8);
        boolean afterSpace = spec.removesExtraSpaces();
        boolean begun = false;
        int bytesDone = 0;
        for (int at = 0; at < text.length();) {
            int from = at;
            UserSymbol symbol = userSymbols.at(
                    text,
                    at,
                    s -> !s.isMarkup() || trusted.contains(from, from + s.text().length()));
            int end;
            String piece;
            if (symbol != null) {
                piece = symbol.text();
                end = at + piece.length();
            } else {
                CharsMap.Match match = spec.charsMap() == null ? null : spec.charsMap().longest(utf8, bytesDone);
                end = match == null
                        ? at + Character.charCount(text.codePointAt(at))
                        : endOfBytes(text, at, match.bytes());
                piece = match == null ? text.substring(at, end) : match.replacement();
            }
            bytesDone += spec.charsMap() == null ? 0 : utf8Length(text, at, end);
            at = end;
            if (!begun && spec.removesExtraSpaces() && piece.equals(" ")) {
                continue;
            }
            if (!begun && spec.dummyPrefix() && place != Place.INSIDE) {
                out.append(space);
            }
            begun = true;
            int kept = 0;
            while (afterSpace && kept < piece.length() && piece.charAt(kept) == ' ') {
                kept++;
            }
            if (kept < piece.length()) {
                int start = out.length();
                String rest = piece.substring(kept);
                String escaped = spec.escapesSpaces() ? rest.replace(" ", space) : rest;
                out.append(escaped);
                // It is looked for again in the normalized text, where one with spaces is no longer found.
                if (symbol != null && escaped.equals(symbol.text())) {
                    result.found().add(new Found(start, out.length(), symbol.id()));
                }
                afterSpace = piece.endsWith(" ");
            }
            afterSpace &= spec.removesExtraSpaces();
        }
        if (spec.removesExtraSpaces()) {
            while (!out.isEmpty() && out.charAt(out.length() - 1) == space.charAt(0)) {
                out.setLength(out.length() - 1);
            }
            result.found().removeIf(found -> found.end() > out.length());
        }
        return result;
    }

    private static int endOfBytes(String text, int start, int bytes) {
        int end = start;
        int left = bytes;
        while (left > 0 && end < text.length()) {
            int codePoint = text.codePointAt(end);
            left -= utf8Length(codePoint);
            end += Character.charCount(codePoint);
        }
        return end;
    }

    private static int utf8Length(String text, int start, int end) {
        int length = 0;
        for (int i = start; i < end; i += Character.charCount(text.codePointAt(i))) {
            length += utf8Length(text.codePointAt(i));
        }
        return length;
    }

    private static int utf8Length(int codePoint) {
        return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
    }
}
