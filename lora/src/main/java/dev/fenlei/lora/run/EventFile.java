package dev.fenlei.lora.run;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.Map;
import java.util.zip.CRC32C;

/// An event file that TensorBoard reads: records in the framing of TensorFlow's `record_writer.h`, each an `Event` of
/// `tensorboard/compat/proto/event.proto`, of which four fields are needed.
final class EventFile implements AutoCloseable {

    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int BYTES = 2;
    private static final int FIXED32 = 5;
    private static final int MASK_DELTA = 0xa282ead8;
    private static final int STARTED = 1;

    private final OutputStream out;

    private EventFile(OutputStream out) {
        this.out = out;
    }

    /// Begins a new file in a folder that may hold others of the same run.
    ///
    /// @param step what others hold beyond it counts no more
    static EventFile create(Path folder, int step) throws IOException {
        Files.createDirectories(folder);
        Instant now = Instant.now();
        String name = "events.out.tfevents." + now.getEpochSecond() + "." + RunStatus.hostName() + "."
                + ProcessHandle.current().pid() + "." + now.getNano();
        EventFile file = new EventFile(Files.newOutputStream(
                folder.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
        double time = seconds(now);
        file.out.write(record(version(time)));
        if (step > 0) {
            file.out.write(record(sessionStart(time, step + 1)));
        }
        return file;
    }

    /// Adds scalars of one step, by their tags.
    void write(int step, Map<String, Double> scalars) throws IOException {
        out.write(record(event(seconds(Instant.now()), step, scalars)));
    }

    private static double seconds(Instant time) {
        return time.getEpochSecond() + time.getNano() / 1e9;
    }

    /// The first event of a file.
    static byte[] version(double time) {
        ByteArrayOutputStream event = begin(time);
        field(event, 3, "brain.Event:2".getBytes(StandardCharsets.UTF_8));
        return event.toByteArray();
    }

    /// Makes TensorBoard forget events of this step and later ones that stand before this one.
    static byte[] sessionStart(double time, int step) {
        ByteArrayOutputStream log = new ByteArrayOutputStream();
        tag(log, 1, VARINT);
        varint(log, STARTED);
        ByteArrayOutputStream event = begin(time);
        tag(event, 2, VARINT);
        varint(event, step);
        field(event, 7, log.toByteArray());
        return event.toByteArray();
    }

    /// Scalars of one step.
    static byte[] event(double time, int step, Map<String, Double> scalars) {
        ByteArrayOutputStream summary = new ByteArrayOutputStream();
        scalars.forEach((name, scalar) -> {
            ByteArrayOutputStream value = new ByteArrayOutputStream();
            field(value, 1, name.getBytes(StandardCharsets.UTF_8));
            tag(value, 2, FIXED32);
            value.writeBytes(little(4).putInt(Float.floatToIntBits(scalar.floatValue())).array());
            field(summary, 1, value.toByteArray());
        });
        ByteArrayOutputStream event = begin(time);
        tag(event, 2, VARINT);
        varint(event, step);
        field(event, 5, summary.toByteArray());
        return event.toByteArray();
    }

    private static ByteArrayOutputStream begin(double time) {
        ByteArrayOutputStream event = new ByteArrayOutputStream();
        tag(event, 1, FIXED64);
        event.writeBytes(little(8).putDouble(time).array());
        return event;
    }

    /// Length, its checksum, the data, its checksum.
    static byte[] record(byte[] data) {
        byte[] length = little(8).putLong(data.length).array();
        return little(16 + data.length)
                .put(length)
                .putInt(maskedCrc(length))
                .put(data)
                .putInt(maskedCrc(data))
                .array();
    }

    private static int maskedCrc(byte[] data) {
        CRC32C crc = new CRC32C();
        crc.update(data);
        return Integer.rotateRight((int) crc.getValue(), 15) + MASK_DELTA;
    }

    private static void field(ByteArrayOutputStream out, int number, byte[] bytes) {
        tag(out, number, BYTES);
        varint(out, bytes.length);
        out.writeBytes(bytes);
    }

    private static void tag(ByteArrayOutputStream out, int number, int wireType) {
        varint(out, number << 3 | wireType);
    }

    private static void varint(ByteArrayOutputStream out, int value) {
        int rest = value;
        while (rest >>> 7 != 0) {
            out.write(rest & 0x7f | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
    }

    private static ByteBuffer little(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public void close() throws IOException {
        out.close();
    }
}
