package dev.fenlei.engine.safetensors;

import dev.fenlei.engine.safetensors.SafetensorsException.Kind;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;

/// A safetensors file, mapped into memory: tensors are handed out without copying.
///
/// Tensors must not be used after the file is closed. The format is that of
/// [huggingface/safetensors](https://github.com/huggingface/safetensors).
public final class SafetensorsFile implements Weights {

    private final Path path;
    private final Arena arena;
    private final MemorySegment data;
    private final Header header;

    private SafetensorsFile(Path path, Arena arena, MemorySegment data, Header header) {
        this.path = path;
        this.arena = arena;
        this.data = data;
        this.header = header;
    }

    /// Maps a file and checks its header.
    ///
    /// @throws SafetensorsException if the file breaks the format
    @SuppressWarnings("MustBeClosedChecker") // the file that is returned closes the arena
    public static SafetensorsFile open(Path path) throws IOException {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < Long.BYTES) {
                throw new SafetensorsException(path, Kind.HeaderTooSmall, "the file has only " + size + " bytes");
            }
            ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            readFully(channel, length, 0);
            long headerBytes = length.getLong(0);
            if (headerBytes < 0 || headerBytes > Header.MAX_BYTES) {
                throw new SafetensorsException(
                        path,
                        Kind.HeaderTooLarge,
                        "the header would have " + Long.toUnsignedString(headerBytes) + " bytes, the limit is "
                                + Header.MAX_BYTES);
            }
            if (headerBytes > size - Long.BYTES) {
                throw new SafetensorsException(
                        path,
                        Kind.InvalidHeaderLength,
                        "the header would have " + headerBytes + " bytes, the file has " + size);
            }
            ByteBuffer json = ByteBuffer.allocate((int) headerBytes);
            readFully(channel, json, Long.BYTES);
            long dataBegin = Long.BYTES + headerBytes;
            Header header = Header.parse(path, json.flip(), size - dataBegin);
            MemorySegment data = channel.map(FileChannel.MapMode.READ_ONLY, dataBegin, size - dataBegin, arena);
            return new SafetensorsFile(path, arena, data, header);
        } catch (IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private static void readFully(FileChannel channel, ByteBuffer buffer, long position) throws IOException {
        while (buffer.hasRemaining()) {
            int read = channel.read(buffer, position + buffer.position());
            if (read < 0) {
                throw new IOException("the file ended while its header was read");
            }
        }
    }

    /// The file's path.
    public Path path() {
        return path;
    }

    /// The header's `__metadata__`; empty if there is none.
    public Map<String, String> metadata() {
        return header.metadata();
    }

    @Override
    public Set<String> names() {
        return header.tensors().keySet();
    }

    @Override
    public TensorInfo info(String name) throws SafetensorsException {
        TensorInfo info = header.tensors().get(name);
        if (info == null) {
            throw new SafetensorsException(path, Kind.TensorNotFound, "there is no tensor '" + name + "'");
        }
        return info;
    }

    @Override
    public Path file(String name) throws SafetensorsException {
        info(name);
        return path;
    }

    @Override
    public MemorySegment bytes(String name) throws SafetensorsException {
        TensorInfo info = info(name);
        return data.asSlice(info.begin(), info.byteSize());
    }

    @Override
    public void close() {
        arena.close();
    }
}
