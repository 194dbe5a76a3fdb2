package dev.fenlei.lora.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {

    @TempDir
    Path folder;

    @Test
    void cutAtAnyByteOfTheLastLineOnlyThatLineIsLost() throws IOException {
        Path file = folder.resolve("metrics.jsonl");
        long before;
        try (MetricsLog log = new MetricsLog(file)) {
            log.append(Map.of("step", 1, "note", "财经"));
            log.append(Map.of("step", 2));
            before = Files.size(file);
            log.append(Map.of("step", 3, "note", "体育\n"));
        }
        byte[] whole = Files.readAllBytes(file);
        assertThat(MetricsLog.read(file)).hasSize(3);
        for (int length = (int) before; length < whole.length; length++) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThat(MetricsLog.read(file)).as("cut to %d", length).hasSize(2);
        }
    }

    @Test
    void damageInTheMiddleIsNamed() throws IOException {
        Path file = Files.writeString(folder.resolve("metrics.jsonl"), "{\"step\":1}\n{\"st\n{\"step\":3}\n");
        assertThatThrownBy(() -> MetricsLog.read(file))
                .isInstanceOf(RunException.class)
                .hasMessageContaining("line 2");
    }
}
