package dev.fenlei.tokenizer;

import java.util.List;

/// What a SentencePiece model file says, checked.
///
/// @param pieces the tokens in the order of their ids
/// @param unknownSurface the text of an unknown token
record SentencePieceVocabulary(
        List<Piece> pieces, SentencePieceNormalizer.Spec normalizer, boolean byteFallback, String unknownSurface) {

    /// The space in pieces.
    static final char SPACE = '\u2581';

    /// In the order of the numbers in the file, from 1.
    enum Type {
        NORMAL,
        UNKNOWN,
        CONTROL,
        USER_DEFINED,
        UNUSED,
        BYTE
    }

    record Piece(String text, float score, Type type) {

        /// Whether it is a symbol in brackets, such as `<|im_start|>` or `[INST]`, which templates use to structure a
        /// conversation, so that it must not come from a user's text. Others, such as runs of spaces, are text.
        boolean isMarkup() {
            char first = text.charAt(0);
            char last = text.charAt(text.length() - 1);
            return type == Type.USER_DEFINED
                    && text.length() > 2
                    && ((first == '<' && last == '>') || (first == '[' && last == ']'));
        }
    }
}
