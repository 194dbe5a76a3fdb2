package dev.fenlei.cli;

import java.io.Serial;

/// The user stopped a command and it has come to a clean place to end: exit status 130.
public final class InterruptedCommandException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    public InterruptedCommandException() {
        super("interrupted");
    }
}
