package dev.fenlei.tokenizer;

import dev.fenlei.tokenizer.SentencePieceVocabulary.Piece;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Pieces to text: U+2581 becomes a space, except at the beginning; bytes become characters, and U+FFFD where they are
/// none; control symbols become nothing.
///
/// Source: `SentencePieceProcessor::Decode` in `src/sentencepiece_processor.cc` of google/sentencepiece.
final class SentencePieceDecoder implements TokenDecoder {

    private final SentencePieceVocabulary vocabulary;
    private byte[] pending = {};
    /// Whether a space at the beginning of a piece would still be the one that stands before every text.
    private boolean atStart = true;

    SentencePieceDecoder(SentencePieceVocabulary vocabulary) {
        this.vocabulary = vocabulary;
    }

    @Override
    public void accept(int id, StringBuilder text) {
        if (id < 0 || id >= vocabulary.pieces().size()) {
            return;
        }
        Piece piece = vocabulary.pieces().get(id);
        int value = piece.type() == SentencePieceVocabulary.Type.BYTE ? ByteTokens.byteOf(piece.text()) : -1;
        if (value >= 0) {
            pending = Arrays.copyOf(pending, pending.length + 1);
            pending[pending.length - 1] = (byte) value;
            flushBytes(false, text);
            return;
        }
        flushBytes(true, text);
        switch (piece.type()) {
            case CONTROL -> {}
            case UNKNOWN -> append(vocabulary.unknownSurface(), text);
            default -> appendPiece(piece.text(), text);
        }
    }

    private void appendPiece(String piece, StringBuilder text) {
        SentencePieceNormalizer.Spec spec = vocabulary.normalizer();
        String rest = piece;
        if (atStart && (spec.dummyPrefix() || spec.removesExtraSpaces()) && startsWithSpace(piece)) {
            rest = piece.substring(1);
            atStart = spec.removesExtraSpaces();
        }
        append(rest.replace(SentencePieceVocabulary.SPACE, ' '), text);
    }

    private static boolean startsWithSpace(String piece) {
        return piece.charAt(0) == SentencePieceVocabulary.SPACE;
    }

    private void append(String decoded, StringBuilder text) {
        atStart &= decoded.isEmpty();
        text.append(decoded);
    }

    @Override
    public void finish(StringBuilder text) {
        flushBytes(true, text);
        atStart = true;
    }

    private void flushBytes(boolean last, StringBuilder text) {
        int at = 0;
        while (at < pending.length) {
            int length = length(pending[at] & 0xFF);
            int end = Math.min(pending.length, at + length);
            String character = new String(pending, at, end - at, StandardCharsets.UTF_8);
            if (at + length > pending.length && !last && mayContinue(at)) {
                break;
            }
            boolean valid = at + length <= pending.length
                    && Arrays.equals(character.getBytes(StandardCharsets.UTF_8), 0, length, pending, at, end);
            append(valid ? character : "\uFFFD", text);
            at = valid ? end : at + 1;
        }
        pending = Arrays.copyOfRange(pending, at, pending.length);
    }

    /// Whether the bytes from here on are continuation bytes; then others must follow before anything is certain.
    private boolean mayContinue(int at) {
        for (int i = at + 1; i < pending.length; i++) {
            if ((pending[i] & 0xC0) != 0x80) {
                return false;
            }
        }
        return true;
    }

    private static int length(int lead) {
        return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF8 ? 4 : 1;
    }
}
