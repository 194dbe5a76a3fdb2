package dev.fenlei.tokenizer;

/// Turns ids that arrive one at a time into text, and holds back the bytes of a character until it is complete. All the
/// strings returned, joined, are what [Tokenizer#decode(int[], boolean)] gives for all the ids.
///
/// Not for use by several threads at once.
public final class StreamingDecoder {

    private final Tokenizer tokenizer;
    private final TokenDecoder decoder;
    private final boolean skipSpecial;

    StreamingDecoder(Tokenizer tokenizer, TokenDecoder decoder, boolean skipSpecial) {
        this.tokenizer = tokenizer;
        this.decoder = decoder;
        this.skipSpecial = skipSpecial;
    }

    /// The text that the next token completes; often empty.
    public String accept(int id) {
        StringBuilder text = new StringBuilder();
        accept(id, text);
        return text.toString();
    }

    void accept(int id, StringBuilder text) {
        if (!skipSpecial || !tokenizer.isSpecial(id)) {
            decoder.accept(id, text);
        }
    }

    /// What is left at the end: U+FFFD if the last character is incomplete, else nothing. Afterwards the decoder starts
    /// anew.
    public String finish() {
        StringBuilder text = new StringBuilder();
        decoder.finish(text);
        return text.toString();
    }
}
