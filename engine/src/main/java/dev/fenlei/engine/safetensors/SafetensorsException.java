package dev.fenlei.engine.safetensors;

import java.io.IOException;
import java.nio.file.Path;

/// A safetensors file or index that breaks the format. The message names the file and the tensor or field.
public final class SafetensorsException extends IOException {

    private static final long serialVersionUID = 1L;

    /// What is wrong, with the names that the format's reference implementation gives its errors.
    public enum Kind {
        HeaderTooSmall,
        HeaderTooLarge,
        InvalidHeaderLength,
        InvalidHeader,
        InvalidHeaderDeserialization,
        InvalidOffset,
        TensorInvalidInfo,
        ValidationOverflow,
        MisalignedSlice,
        MetadataIncompleteBuffer,
        TensorNotFound,
        UnsupportedDtype,
        InvalidIndex
    }

    private final Kind kind;

    SafetensorsException(Path file, Kind kind, String detail) {
        super(file + ": " + detail + " (" + kind + ")");
        this.kind = kind;
    }

    /// What is wrong.
    public Kind kind() {
        return kind;
    }
}
