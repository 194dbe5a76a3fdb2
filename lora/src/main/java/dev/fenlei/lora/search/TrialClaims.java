package dev.fenlei.lora.search;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/// Who works on which trial: a file per trial, locked by the process that works on it. The system lets go of the lock when the
/// process ends, however it ends; so a running trial whose claim is free was abandoned.
final class TrialClaims {

    /// Held until closed.
    record Claim(FileChannel channel) implements AutoCloseable {

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    private final Path folder;

    TrialClaims(Path folder) throws IOException {
        this.folder = Files.createDirectories(folder);
    }

    /// Claims a trial, unless somebody has it.
    Optional<Claim> tryClaim(int number) throws IOException {
        FileChannel channel = FileChannel.open(
                folder.resolve(number + ".claim"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (channel.tryLock() != null) {
                return Optional.of(new Claim(channel));
            }
        } catch (OverlappingFileLockException _) {
            // somebody in this process has it
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        channel.close();
        return Optional.empty();
    }
}
