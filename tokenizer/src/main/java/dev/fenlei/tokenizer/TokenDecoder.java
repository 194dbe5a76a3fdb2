package dev.fenlei.tokenizer;

/// Turns ids, one after the other, into text. Not for use by several threads at once.
interface TokenDecoder {

    /// Appends the text that is certain with this id; an id that is none of the vocabulary's stands for nothing.
    void accept(int id, StringBuilder text);

    /// Appends what was held back, and starts anew.
    void finish(StringBuilder text);
}
