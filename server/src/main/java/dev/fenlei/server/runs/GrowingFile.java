package dev.fenlei.server.runs;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/// The whole lines of a file that grows, from where a reader left off.
///
/// @param version of the file: another one has taken its place if it changes, as when a run is resumed
/// @param offset where to go on
/// @param reset whether the reader must forget what it had
/// @param text the new lines
record GrowingFile(String version, long offset, boolean reset, String text) {

    private static final int MAX_BYTES = 8 << 20;

    /// Reads on.
    ///
    /// @param version what the reader was told last; empty at first
    /// @param offset the same
    /// @param tail how many bytes before the end to begin at most, at first
    static GrowingFile read(Path file, String version, long offset, long tail) throws IOException {
        if (!RunCatalog.isFile(file)) {
            return new GrowingFile("", 0, !version.isEmpty(), "");
        }
        BasicFileAttributes attributes = Files.readAttributes(file, BasicFileAttributes.class);
        String current = String.valueOf(attributes.fileKey());
        boolean reset = !current.equals(version) || offset < 0 || offset > attributes.size();
        long start = reset ? Math.max(0, attributes.size() - tail) : offset;
        byte[] bytes = new byte[(int) Math.min(MAX_BYTES, attributes.size() - start)];
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            while (buffer.hasRemaining() && channel.read(buffer, start + buffer.position()) >= 0) {
                // reads on
            }
        }
        int from = 0;
        if (reset && start > 0) { // it begins inside a line
            while (from < buffer.position() && bytes[from++] != '\n') {
                // goes on
            }
        }
        int end = buffer.position();
        while (end > from && bytes[end - 1] != '\n') {
            end--;
        }
        return new GrowingFile(
                current, start + end, reset, new String(bytes, from, end - from, StandardCharsets.UTF_8));
    }
}
