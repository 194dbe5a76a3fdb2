package dev.fenlei.lora.train;

/// Training that cannot begin, as what it is given does not fit together, or cannot go on, as the loss is no number.
public final class TrainingException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /// @param message for the user
    public TrainingException(String message) {
        super(message);
    }
}
