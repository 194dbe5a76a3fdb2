package dev.fenlei.lora.search;

/// A study, a journal or a search space that cannot be used as it is.
public final class SearchException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /// @param message for the user
    public SearchException(String message) {
        super(message);
    }

    /// @param message for the user
    public SearchException(String message, Throwable cause) {
        super(message, cause);
    }
}
