package dev.fenlei.tokenizer;

import dev.fenlei.tokenizer.SentencePieceVocabulary.Piece;

/// Pieces to text: U+2581 becomes a space, except at the beginning; bytes become characters, and U+FFFD where they are
/// none; control symbols become nothing.
///
/// Source: `SentencePieceProcessor::Decode` in `src/sentencepiece_processor.cc` of google/sentencepiece.
final class SentencePieceDecoder implements TokenDecoder {

    private static final byte[] NONE = {};

    private final SentencePieceVocabulary vocabulary;
    private final Utf8 utf8 = new Utf8(false);
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
            decodeBytes(new byte[] {(byte) value}, false, text);
            return;
        }
        decodeBytes(NONE, true, text);
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
        decodeBytes(NONE, true, text);
        atStart = true;
    }

    private void decodeBytes(byte[] next, boolean last, StringBuilder text) {
        int before = text.length();
        utf8.decode(next, last, text);
        atStart &= text.length() == before;
    }
}
