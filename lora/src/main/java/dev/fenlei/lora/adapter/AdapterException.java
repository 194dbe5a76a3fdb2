package dev.fenlei.lora.adapter;

import java.io.IOException;
import java.nio.file.Path;

/// An adapter that cannot be used. The message names the file and the field or tensor.
public final class AdapterException extends IOException {

    private static final long serialVersionUID = 1L;

    AdapterException(Path file, String detail) {
        super(file + ": " + detail);
    }
}
