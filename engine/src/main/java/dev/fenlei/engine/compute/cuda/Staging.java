package dev.fenlei.engine.compute.cuda;

import java.lang.foreign.MemorySegment;

/// The way between host and device: two halves of pinned memory by turns. While the device fetches from one, the host fills the
/// other, so that weights come from a mapped file about as fast as the slower of disk and bus.
final class Staging {

    private static final long HALF_BYTES = 4L << 20;
    private static final long ALIGNMENT = 64;

    private final CudaDriver driver;
    private final long stream;
    private final MemorySegment[] halves = new MemorySegment[2];
    private final long[] fetched = new long[2];
    private int current;
    private long used;

    /// @param stream in which the copies run
    Staging(CudaDriver driver, long stream) {
        this.driver = driver;
        this.stream = stream;
        MemorySegment memory = driver.allocateHost(2 * HALF_BYTES);
        for (int i = 0; i < 2; i++) {
            halves[i] = memory.asSlice(i * HALF_BYTES, HALF_BYTES);
            fetched[i] = driver.createEvent();
        }
    }

    /// Copies to the device. When it returns, `from` may be overwritten.
    void upload(MemorySegment from, long to) {
        long size;
        for (long done = 0; done < from.byteSize(); done += size) {
            size = Math.min(HALF_BYTES, from.byteSize() - done);
            MemorySegment piece = reserve(size);
            piece.copyFrom(from.asSlice(done, size));
            driver.copyToDevice(to + done, piece, size, stream);
        }
    }

    /// Copies from the device, and waits until everything before is done and the bytes are there.
    void download(long from, MemorySegment to) {
        long size;
        for (long done = 0; done < to.byteSize(); done += size) {
            size = Math.min(HALF_BYTES, to.byteSize() - done);
            MemorySegment piece = reserve(size);
            driver.copyToHost(piece, from + done, size, stream);
            driver.synchronize(stream);
            to.asSlice(done, size).copyFrom(piece);
        }
    }

    private MemorySegment reserve(long bytes) {
        if (used + bytes > HALF_BYTES) {
            driver.record(fetched[current], stream);
            current = 1 - current;
            driver.await(fetched[current]);
            used = 0;
        }
        MemorySegment piece = halves[current].asSlice(used, bytes);
        used += (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        return piece;
    }

    void free() {
        driver.destroyEvent(fetched[0]);
        driver.destroyEvent(fetched[1]);
        driver.freeHost(halves[0]);
    }
}
