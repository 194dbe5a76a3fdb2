package dev.fenlei.lora.evaluate;

import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;

/// Streams into files that are there whole or not at all, also after a power failure.
final class AtomicFile {

    private AtomicFile() {}

    /// What writes the content.
    @FunctionalInterface
    interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    /// Writes as [DurableFiles] does. Missing directories are made.
    static void write(Path file, Content content) throws IOException {
        Path target = file.toAbsolutePath();
        Files.createDirectories(target.resolveSibling(""));
        DurableFiles.write(target, channel -> {
            OutputStream out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
            content.writeTo(out);
            out.flush();
        });
    }
}
