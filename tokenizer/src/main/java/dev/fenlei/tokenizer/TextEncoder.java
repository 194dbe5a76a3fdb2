package dev.fenlei.tokenizer;

/// Turns a stretch of text between control tokens into ids.
interface TextEncoder {

    /// @param trusted where tokens of templates are meant
    void encode(String text, Trusted trusted, Place place, Ids ids);
}
