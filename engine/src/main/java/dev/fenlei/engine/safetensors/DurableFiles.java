package dev.fenlei.engine.safetensors;

import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// Writes files so that they are whole or absent, whatever happens in between: to a temporary name in the same folder,
/// forced to disk, then renamed over the target.
public final class DurableFiles {

    /// Writes the contents.
    @FunctionalInterface
    public interface Content {
        /// @param channel open for writing, at its start
        void writeTo(FileChannel channel) throws IOException;
    }

    private static final JsonMapper INDENTED = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

    private DurableFiles() {}

    /// Writes a small file, replacing what is there.
    public static void write(Path file, byte[] content) throws IOException {
        write(file, channel -> writeFully(channel, ByteBuffer.wrap(content)));
    }

    /// Writes a small file of JSON, indented for people to read, replacing what is there.
    ///
    /// @param value what Jackson can write
    public static void writeJson(Path file, Object value) throws IOException {
        write(file, INDENTED.writeValueAsBytes(value));
    }

    /// Writes a file, replacing what is there. If `content` fails, the old file stays.
    public static void write(Path file, Content content) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try {
            try (FileChannel channel = FileChannel.open(
                    temporary,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING,
                    StandardOpenOption.WRITE)) {
                content.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (Throwable e) {
            Files.deleteIfExists(temporary);
            throw e;
        }
    }

    /// Forces the names in a directory to disk, so that a rename in it survives a power failure. Where the system cannot open
    /// directories (Windows), it does so by itself.
    public static void forceDirectory(Path directory) throws IOException {
        if (File.separatorChar == '/') {
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    /// Writes all of a buffer.
    public static void writeFully(FileChannel channel, ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}
