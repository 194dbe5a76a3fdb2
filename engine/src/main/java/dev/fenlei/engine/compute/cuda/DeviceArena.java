package dev.fenlei.engine.compute.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/// Memory of the device, freed when the arena is closed.
///
/// Its segments stand for addresses on the device. They belong to an arena of a thread that has ended, so that whoever tries to
/// read or write them from the host gets an exception.
final class DeviceArena implements Arena {

    private static final MemorySegment ADDRESSES = Unreachable.addresses();

    /// All addresses there are, as memory of a thread that has ended. A class of its own, since another thread runs its code.
    private static final class Unreachable {

        @SuppressWarnings("MustBeClosedChecker") // nobody could: it has no owner
        static MemorySegment addresses() {
            return CompletableFuture.supplyAsync(
                    () -> MemorySegment.NULL.reinterpret(Long.MAX_VALUE, Arena.ofConfined(), null),
                    task -> Thread.ofPlatform().start(task)).join();
        }
    }

    private final Gpu gpu;
    private final List<Long> addresses = new ArrayList<>();

    DeviceArena(Gpu gpu) {
        this.gpu = gpu;
    }

    /// @param alignment at most 256, which every allocation of the driver has
    /// @throws CudaMemoryException if there is not so much
    @Override
    public MemorySegment allocate(long bytes, long alignment) {
        long size = Math.max(1, bytes);
        long address = gpu.allocate(size);
        addresses.add(address);
        return ADDRESSES.asSlice(address, size);
    }

    @Override
    public MemorySegment.Scope scope() {
        return ADDRESSES.scope();
    }

    @Override
    public void close() {
        gpu.free(addresses);
        addresses.clear();
    }
}
