package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

class ErrorsTest {

    private final StringWriter err = new StringWriter();

    private int report(Throwable thrown, boolean verbose) {
        return Errors.report(thrown, new PrintWriter(err), verbose);
    }

    @Test
    void aUserErrorIsItsMessageAlone() {
        assertThat(report(new UserErrorException("row 3 has no label"), false)).isEqualTo(FenleiCommand.FAILED);
        assertThat(err.toString().strip()).isEqualTo("fenlei: row 3 has no label");
    }

    @Test
    void verboseShowsTheStackTrace() {
        report(new UserErrorException("row 3 has no label"), true);
        assertThat(err.toString()).contains("at dev.fenlei.cli.ErrorsTest");
    }

    @Test
    void wrappersAreSeenThrough() {
        Exception missing = new java.nio.file.NoSuchFileException("train.jsonl");
        report(new ExecutionException(new UncheckedIOException((IOException) missing)), false);
        assertThat(err.toString().strip()).isEqualTo("fenlei: train.jsonl: no such file or folder");
    }

    @Test
    void interruptionHasItsOwnStatus() {
        assertThat(report(new InterruptedCommandException(), false)).isEqualTo(FenleiCommand.INTERRUPTED);
    }

    @Test
    void aFullDiskIsCalledByItsName() {
        assertThat(Errors.message(new FileSystemException("a.bin", null, "No space left on device")))
                .isEqualTo("a.bin: the disk is full; free some space and try again");
        Assumptions.assumeTrue(Files.isWritable(Path.of("/dev/full")), "no /dev/full here");
        try (FileOutputStream full = new FileOutputStream("/dev/full")) {
            full.write(1);
        } catch (IOException e) {
            assertThat(Errors.message(e)).startsWith("the disk is full");
        }
    }

    @Test
    void aDefectSaysSo() {
        assertThat(Errors.message(new IllegalStateException("queue"))).contains("IllegalStateException: queue",
                "defect");
    }
}
