package dev.fenlei.tokenizer;

/// Where a stretch of text stands, on which it depends whether tokenizers that begin every text with a space do so.
enum Place {
    /// The text begins with it.
    START,
    /// Behind an added token or a cut.
    AFTER_TOKEN,
    /// In the middle of a text of which the beginning is encoded elsewhere.
    INSIDE;

    /// The place of a piece that begins at `start` of a stretch that begins at `stretchStart`.
    Place ofPiece(int stretchStart, int start) {
        return start == stretchStart ? this : AFTER_TOKEN;
    }
}
