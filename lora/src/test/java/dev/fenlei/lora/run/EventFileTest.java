package dev.fenlei.lora.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EventFileTest {

    @TempDir
    Path folder;

    /// Written by TensorBoard 2.21.0's own `RecordWriter` from its own `Event`: a version, two scalars, a session's start.
    private static final String REFERENCE = "1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32"
            + "338d2fe939000000000000008b0737f10900006040fc54d94110032a2c0a110a0a747261696e2f6c6f7373150000003f0a170a10"
            + "e8aeade7bb832fe5ada6e4b9a0e78e871517b7d138be519bfd0f000000000000006d532b090900008040fc54d94110043a020801"
            + "76519426";

    @Test
    void theBytesAreThoseOfTensorBoard() {
        Map<String, Double> scalars = new LinkedHashMap<>();
        scalars.put("train/loss", 0.5);
        scalars.put("训练/学习率", 1e-4);
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        file.writeBytes(EventFile.record(EventFile.version(1700000000.25)));
        file.writeBytes(EventFile.record(EventFile.event(1700000001.5, 3, scalars)));
        file.writeBytes(EventFile.record(EventFile.sessionStart(1700000002.0, 4)));
        assertThat(HexFormat.of().formatHex(file.toByteArray())).isEqualTo(REFERENCE);
    }

    @Test
    void aRunThatGoesOnHasASecondFileThatBeginsWithItsStep() throws IOException {
        EventFile.create(folder, 0).close();
        EventFile.create(folder, 300).close();
        List<Path> files;
        try (var list = Files.list(folder)) {
            files = list.sorted().toList();
        }
        assertThat(files).hasSize(2).allMatch(file -> file.getFileName().toString().startsWith("events.out.tfevents."));
        assertThat(records(files.getFirst())).isEqualTo(1);
        assertThat(records(files.getLast())).isEqualTo(2);
    }

    private static int records(Path file) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
        int count = 0;
        while (bytes.hasRemaining()) {
            long length = bytes.getLong();
            bytes.position((int) (bytes.position() + 4 + length + 4));
            count++;
        }
        return count;
    }
}
