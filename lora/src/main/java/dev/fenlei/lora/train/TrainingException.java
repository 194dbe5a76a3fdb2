package dev.fenlei.lora.train;

/// Training that cannot go on, such as a loss that is not a number.
public final class TrainingException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    TrainingException(String message) {
        super(message);
    }
}
