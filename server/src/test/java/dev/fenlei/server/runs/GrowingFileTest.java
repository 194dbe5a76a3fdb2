package dev.fenlei.server.runs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GrowingFileTest {

    @TempDir
    Path folder;

    @Test
    void aReaderGetsEveryLineOnceHoweverTheyAreTorn() throws IOException {
        Path file = Files.writeString(folder.resolve("log"), "");
        byte[] whole = "一\n二二\n三三三\n".getBytes(StandardCharsets.UTF_8);
        String version = "";
        long offset = 0;
        StringBuilder heard = new StringBuilder();
        for (byte b : whole) {
            Files.write(file, new byte[] {b}, StandardOpenOption.APPEND);
            GrowingFile more = GrowingFile.read(file, version, offset, Long.MAX_VALUE);
            assertThat(more.reset()).isEqualTo(version.isEmpty());
            heard.append(more.text());
            version = more.version();
            offset = more.offset();
        }
        assertThat(heard.toString()).isEqualTo("一\n二二\n三三三\n");
    }

    @Test
    void aFileThatTookItsPlaceIsReadFromItsBeginning() throws IOException {
        Path file = Files.writeString(folder.resolve("log"), "1\n2\n3\n");
        GrowingFile before = GrowingFile.read(file, "", 0, Long.MAX_VALUE);
        DurableFiles.write(file, "1\n2\n4\n5\n".getBytes(StandardCharsets.UTF_8));
        GrowingFile after = GrowingFile.read(file, before.version(), before.offset(), Long.MAX_VALUE);
        assertThat(after.reset()).isTrue();
        assertThat(after.text()).isEqualTo("1\n2\n4\n5\n");
        Files.writeString(file, "1\n", StandardOpenOption.TRUNCATE_EXISTING);
        assertThat(GrowingFile.read(file, after.version(), after.offset(), Long.MAX_VALUE).text()).isEqualTo("1\n");
    }

    @Test
    void theTailBeginsWithAWholeLine() throws IOException {
        Path file = Files.writeString(folder.resolve("log"), "first\nsecond\nthird\n");
        assertThat(GrowingFile.read(file, "", 0, 9).text()).isEqualTo("third\n");
        assertThat(GrowingFile.read(file, "", 0, 1000).text()).isEqualTo("first\nsecond\nthird\n");
    }

    @Test
    void aMissingFileAndALinkAreEmpty() throws IOException {
        assertThat(GrowingFile.read(folder.resolve("none"), "", 0, 10).text()).isEmpty();
        Path secret = Files.writeString(folder.resolve("secret"), "secret\n");
        Path link = Files.createSymbolicLink(folder.resolve("link"), secret);
        assertThat(GrowingFile.read(link, "", 0, 10).text()).isEmpty();
    }
}
