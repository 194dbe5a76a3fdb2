package dev.fenlei.server;

import java.io.IOException;
import java.io.Serial;

/// The service cannot start as it was asked to; the message says why and what to do.
public final class ServerException extends IOException {

    @Serial
    private static final long serialVersionUID = 1L;

    public ServerException(String message) {
        super(message);
    }

    public ServerException(String message, Throwable cause) {
        super(message, cause);
    }
}
