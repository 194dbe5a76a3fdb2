package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Path;

/// A tokenizer or chat-template file that is malformed, or of a form that is not supported. The message names the file
/// and the field or line, says what is wrong, and where it helps what to do.
public final class TokenizerException extends IOException {

    private static final long serialVersionUID = 1L;

    TokenizerException(Path file, String problem) {
        super(file + ": " + problem);
    }

    TokenizerException(Path file, String problem, Throwable cause) {
        super(file + ": " + problem, cause);
    }
}
