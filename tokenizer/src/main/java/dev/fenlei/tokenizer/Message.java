package dev.fenlei.tokenizer;

import java.util.Objects;

/// One turn of a conversation.
///
/// @param role who speaks: `system`, `user` or `assistant`
/// @param content what is said; plain text, in which nothing is a control token
public record Message(String role, String content) {

    public Message {
        Objects.requireNonNull(role);
        Objects.requireNonNull(content);
    }

    /// A turn that instructs the model.
    public static Message system(String content) {
        return new Message("system", content);
    }

    /// A turn of the person who asks.
    public static Message user(String content) {
        return new Message("user", content);
    }

    /// A turn of the model.
    public static Message assistant(String content) {
        return new Message("assistant", content);
    }
}
