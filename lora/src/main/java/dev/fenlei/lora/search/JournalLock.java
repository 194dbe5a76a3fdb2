package dev.fenlei.lora.search;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The lock of a journal, as Optuna's `JournalFileSymlinkLock` and `JournalFileOpenLock` take it: whoever makes `FILE.lock` has
/// it. Both kinds exclude each other, as they make the same name; this one makes a symbolic link, or a file where there are
/// none.
///
/// A holder that was killed leaves its lock behind. It is taken away when journal and lock have not changed for the grace
/// period, which no living holder reaches: it holds the lock for one write.
final class JournalLock {

    /// Optuna's own.
    static final Duration GRACE_PERIOD = Duration.ofSeconds(30);

    private static final Logger LOG = LoggerFactory.getLogger(JournalLock.class);
    private static final long FIRST_SLEEP_MILLIS = 1;
    private static final long LAST_SLEEP_MILLIS = 100;

    private final Path target;
    private final Path lock;
    private final Duration gracePeriod;

    JournalLock(Path journal, Duration gracePeriod) {
        this.target = journal.getFileName();
        this.lock = journal.resolveSibling(target + ".lock");
        this.gracePeriod = gracePeriod;
    }

    /// Waits for the lock and takes it.
    void acquire() throws IOException {
        long sleepMillis = FIRST_SLEEP_MILLIS;
        long unchangedSince = System.nanoTime();
        FileTime changed = null;
        while (!tryAcquire()) {
            FileTime now = modified();
            if (now != null && !now.equals(changed)) {
                changed = now;
                unchangedSince = System.nanoTime();
            }
            if (now != null && System.nanoTime() - unchangedSince > gracePeriod.toNanos()) {
                LOG.warn("{} was left behind by a process that was killed; taking it away", lock);
                release();
                sleepMillis = FIRST_SLEEP_MILLIS;
                unchangedSince = System.nanoTime();
                continue;
            }
            try {
                Thread.sleep(sleepMillis);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while waiting for " + lock, e);
            }
            sleepMillis = Math.min(2 * sleepMillis, LAST_SLEEP_MILLIS);
        }
    }

    private boolean tryAcquire() throws IOException {
        try {
            // A relative link: it is right whatever folder the journal is reached through.
            Files.createSymbolicLink(lock, target);
            return true;
        } catch (FileAlreadyExistsException e) {
            return false;
        } catch (UnsupportedOperationException | FileSystemException noLinksHere) {
            try {
                Files.createFile(lock);
                return true;
            } catch (FileAlreadyExistsException e) {
                return false;
            }
        }
    }

    /// When journal or lock last changed; null if the lock is gone by now.
    private @Nullable FileTime modified() throws IOException {
        try {
            return Files.getLastModifiedTime(lock);
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    /// Gives the lock back. The rename sees to it that of several who would take it away only one does.
    void release() throws IOException {
        Path renamed = lock.resolveSibling(lock.getFileName() + UUID.randomUUID().toString() + ".rename");
        try {
            Files.move(lock, renamed);
            Files.delete(renamed);
        } catch (NoSuchFileException e) {
            LOG.warn("{} was taken away by another process", lock);
        }
    }
}
