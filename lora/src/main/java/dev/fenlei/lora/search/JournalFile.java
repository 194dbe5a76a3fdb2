package dev.fenlei.lora.search;

import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;
import tools.jackson.core.json.JsonWriteFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// A file of JSON objects, one a line, that several processes append to: the form of Optuna's `JournalFileBackend`.
///
/// Records are appended under a lock and forced to disk. A last line that is not whole was left by a writer that was killed: it
/// counts as not written, and the next writer removes it. Not thread-safe.
final class JournalFile {

    static final int MAX_RECORD_BYTES = 1 << 20;
    static final long MAX_FILE_BYTES = 1L << 30;
    private static final int MAX_DEPTH = 64;
    private static final int CHUNK_BYTES = 1 << 16;

    /// Python writes `NaN` and `Infinity` as they are, and nothing but ASCII.
    static final JsonMapper JSON = JsonMapper.builder(JsonFactory.builder()
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(MAX_DEPTH)
                    .maxStringLength(MAX_RECORD_BYTES)
                    .build())
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .disable(JsonWriteFeature.WRITE_NAN_AS_STRINGS)
            .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
            .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    /// A record and where it stands.
    ///
    /// @param line counted from 1
    record Line(long line, JsonNode record) {}

    /// Work that nobody else's records come between.
    @FunctionalInterface
    interface Action<T extends @Nullable Object> {
        T run() throws IOException;
    }

    private final Path path;
    private final JournalLock lock;
    private long offset;
    private long lines;
    private boolean locked;

    /// Opens a journal, or makes an empty one.
    JournalFile(Path path, Duration gracePeriod) throws IOException {
        this.path = path;
        this.lock = new JournalLock(path, gracePeriod);
        if (!Files.exists(path)) {
            Path folder = Files.createDirectories(path.toAbsolutePath().resolveSibling(""));
            FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND).close();
            DurableFiles.forceDirectory(folder);
        }
        if (!Files.isRegularFile(path)) {
            throw new SearchException(path + " is not a file");
        }
    }

    Path path() {
        return path;
    }

    /// The whole records that were appended since the last call.
    ///
    /// @throws SearchException naming the line, if it is no JSON object
    List<Line> read() throws IOException {
        List<Line> records = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            long size = channel.size();
            if (size < offset) {
                throw new SearchException(path + " has become shorter: something else has overwritten it");
            }
            if (size > MAX_FILE_BYTES) {
                throw new SearchException(path + " has " + size + " bytes, the limit is " + MAX_FILE_BYTES);
            }
            channel.position(offset);
            SearchException bad = null;
            ByteArrayOutputStream line = new ByteArrayOutputStream();
            ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
            for (int n = channel.read(chunk); n > 0; n = channel.read(chunk.clear())) {
                for (int from = 0; from < n;) {
                    int end = endOfLine(chunk.array(), from, n);
                    line.write(chunk.array(), from, end - from);
                    if (line.size() > MAX_RECORD_BYTES) {
                        throw new SearchException(
                                at(lines + 1) + "is longer than " + MAX_RECORD_BYTES + " bytes");
                    }
                    if (chunk.get(end - 1) == '\n') {
                        if (bad != null) {
                            throw bad; // only the last line may be torn
                        }
                        bad = add(records, line.toByteArray());
                        line.reset();
                    }
                    from = end;
                }
            }
            if (bad != null && line.size() > 0) {
                throw bad;
            }
        }
        return records;
    }

    /// The index after the next line feed, or `to` if there is none.
    private static int endOfLine(byte[] bytes, int from, int to) {
        for (int i = from; i < to; i++) {
            if (bytes[i] == '\n') {
                return i + 1;
            }
        }
        return to;
    }

    /// Adds a whole line to the records, or says why that cannot be.
    private @Nullable SearchException add(List<Line> records, byte[] line) {
        String reason;
        try {
            JsonNode record = JSON.readTree(line);
            if (record.isObject()) {
                records.add(new Line(++lines, record));
                offset += line.length;
                return null;
            }
            reason = "is not a JSON object";
        } catch (JacksonException e) {
            reason = "is not JSON: " + e.getOriginalMessage();
        }
        return new SearchException(at(lines + 1) + reason + "; is this a journal of Optuna or Fenlei?");
    }

    String at(long line) {
        return path + ", line " + line + " ";
    }

    /// Runs an action under the lock. Within it, [#append] may be called once everything is [read][#read].
    <T extends @Nullable Object> T exclusively(Action<T> action) throws IOException {
        lock.acquire();
        try {
            locked = true;
            return action.run();
        } finally {
            locked = false;
            lock.release();
        }
    }

    /// Appends records and forces them to disk; they are read by the next [#read], like those of others.
    void append(List<? extends JsonNode> records) throws IOException {
        if (!locked) {
            throw new IllegalStateException("without the lock");
        }
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (JsonNode record : records) {
            byte[] line = JSON.writeValueAsBytes(record);
            if (line.length >= MAX_RECORD_BYTES) {
                throw new SearchException(
                        path + ": a record would have " + line.length + " bytes, the limit is " + MAX_RECORD_BYTES);
            }
            bytes.write(line);
            bytes.write('\n');
        }
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
            if (offset + bytes.size() > MAX_FILE_BYTES) {
                throw new SearchException(path + " is full: the limit is " + MAX_FILE_BYTES + " bytes");
            }
            channel.truncate(offset); // what is behind the last whole record is torn
            channel.position(offset);
            DurableFiles.writeFully(channel, ByteBuffer.wrap(bytes.toByteArray()));
            channel.force(true);
        }
    }
}
