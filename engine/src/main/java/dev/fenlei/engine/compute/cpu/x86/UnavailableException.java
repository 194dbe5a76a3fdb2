package dev.fenlei.engine.compute.cpu.x86;

/// Machine code cannot be used here; the message says why.
public final class UnavailableException extends Exception {

    private static final long serialVersionUID = 1;

    private final String reason;

    UnavailableException(String reason) {
        super(reason);
        this.reason = reason;
    }

    /// Why.
    public String reason() {
        return reason;
    }
}
