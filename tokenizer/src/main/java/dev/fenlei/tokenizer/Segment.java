package dev.fenlei.tokenizer;

import java.util.Objects;

/// A stretch of a rendered conversation.
///
/// @param text the text
/// @param isTemplate whether the template wrote it, so that control tokens in it are meant; false for what a user wrote
public record Segment(String text, boolean isTemplate) {

    public Segment {
        Objects.requireNonNull(text);
    }

    /// Text of the template, in which control tokens are recognised.
    public static Segment template(String text) {
        return new Segment(text, true);
    }

    /// Text from outside, in which nothing is a control token.
    public static Segment content(String text) {
        return new Segment(text, false);
    }
}
