package dev.fenlei.engine.safetensors;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Writes safetensors files: to a temporary name, forced to disk, then renamed, so that a file is whole or absent and a
/// file that is mapped while it is replaced stays readable.
public final class SafetensorsWriter {

    /// A tensor to write.
    ///
    /// @param name its name
    /// @param dtype its element type
    /// @param shape its dimensions
    /// @param tensor gives the elements when their turn comes, so that a large model never lies in memory as a whole
    public record Entry(String name, DType dtype, long[] shape, Supplier<Tensor> tensor) {

        /// A matrix.
        public static Entry matrix(String name, Tensor tensor) {
            return new Entry(name, tensor.dtype(), new long[] {tensor.rows(), tensor.columns()}, () -> tensor);
        }

        /// A vector.
        public static Entry vector(String name, Tensor tensor) {
            return new Entry(name, tensor.dtype(), new long[] {tensor.size()}, () -> tensor);
        }

        private long byteSize() {
            return Arrays.stream(shape).reduce(dtype.bytes(), Math::multiplyExact);
        }
    }

    private SafetensorsWriter() {}

    /// Writes a file, replacing what is there.
    public static void write(Path file, Map<String, String> metadata, List<Entry> entries) throws IOException {
        // Wide types first, then by name: what the reference implementation does, so that data stays aligned.
        List<Entry> ordered = entries.stream()
                .sorted(Comparator.comparingInt((Entry e) -> -e.dtype().bytes())
                        .thenComparing(Entry::name))
                .toList();
        byte[] header = header(metadata, ordered);
        DurableFiles.write(file, channel -> {
            ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
            length.putLong(0, header.length);
            DurableFiles.writeFully(channel, length);
            DurableFiles.writeFully(channel, ByteBuffer.wrap(header));
            for (Entry entry : ordered) {
                Tensor tensor = entry.tensor().get();
                if (tensor.dtype() != entry.dtype() || tensor.byteSize() != entry.byteSize()) {
                    throw new IllegalArgumentException(entry.name() + ": " + tensor + " is not what was announced");
                }
                writeTensor(channel, tensor);
            }
        });
    }

    private static byte[] header(Map<String, String> metadata, List<Entry> entries) {
        ObjectNode root = JsonMapper.shared().createObjectNode();
        if (!metadata.isEmpty()) {
            ObjectNode node = root.putObject("__metadata__");
            metadata.forEach(node::put);
        }
        long position = 0;
        for (Entry entry : entries) {
            if (root.has(entry.name())) {
                throw new IllegalArgumentException("two tensors are named " + entry.name());
            }
            ObjectNode node = root.putObject(entry.name());
            node.put("dtype", entry.dtype().name());
            ArrayNode shape = node.putArray("shape");
            Arrays.stream(entry.shape()).forEach(shape::add);
            long end = position + entry.byteSize();
            node.putArray("data_offsets").add(position).add(end);
            position = end;
        }
        byte[] json = root.toString().getBytes(StandardCharsets.UTF_8);
        byte[] padded = Arrays.copyOf(json, (json.length + 7) / 8 * 8);
        Arrays.fill(padded, json.length, padded.length, (byte) ' ');
        return padded;
    }

    private static void writeTensor(FileChannel channel, Tensor tensor) throws IOException {
        if (tensor.size() == 0) {
            return;
        }
        int rowsAtOnce = tensor.isContiguous()
                ? Math.max(1,
                        (int) Math.min(tensor.rows(), (64L << 20) / ((long) tensor.columns() * tensor.dtype().bytes())))
                : 1;
        for (int row = 0; row < tensor.rows(); row += rowsAtOnce) {
            Tensor part = tensor.rows(row, Math.min(tensor.rows(), row + rowsAtOnce));
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment bytes = part.onHost(arena).memory().asSlice(0, part.byteSize());
                DurableFiles.writeFully(channel, bytes.asByteBuffer());
            }
        }
    }
}
