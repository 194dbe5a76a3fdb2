package dev.fenlei.lora.run;

/// A run folder or a checkpoint that cannot be used, or a run that cannot go on.
public final class RunException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /// @param message for the user
    public RunException(String message) {
        super(message);
    }
}
