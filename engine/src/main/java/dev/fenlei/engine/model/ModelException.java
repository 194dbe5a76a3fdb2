package dev.fenlei.engine.model;

import java.io.IOException;
import java.nio.file.Path;

/// A model directory that cannot be used. The message names the file and the field.
public final class ModelException extends IOException {

    private static final long serialVersionUID = 1L;

    /// @param file the file at fault
    /// @param detail what is wrong and what to do
    public ModelException(Path file, String detail) {
        super(file + ": " + detail);
    }
}
