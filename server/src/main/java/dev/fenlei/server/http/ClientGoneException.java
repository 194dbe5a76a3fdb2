package dev.fenlei.server.http;

import java.io.Serial;

/// There is nobody left to answer.
public final class ClientGoneException extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    ClientGoneException() {
        super("the client has gone away", null, false, false);
    }
}
