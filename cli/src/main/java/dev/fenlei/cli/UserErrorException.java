package dev.fenlei.cli;

import java.io.Serial;

/// Something that the user can put right: the message, shown alone, says what was wrong, where, and what to do.
public final class UserErrorException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    public UserErrorException(String message) {
        super(message);
    }

    public UserErrorException(String message, Throwable cause) {
        super(message, cause);
    }
}
