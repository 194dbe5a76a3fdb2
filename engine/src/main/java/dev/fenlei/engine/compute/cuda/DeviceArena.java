package dev.fenlei.engine.compute.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/// Memory of the device, freed when the arena is closed.
///
/// Its segments stand for addresses on the device. They belong to an arena of a thread that has ended, so that whoever tries to
/// read or write them from the host gets an exception.
final class DeviceArena implements Arena {

    private static final Arena UNREACHABLE = unreachable();

    private final Gpu gpu;
    private final List<Long> addresses = new ArrayList<>();

    DeviceArena(Gpu gpu) {
        this.gpu = gpu;
    }

    @SuppressWarnings("MustBeClosedChecker") // nobody could: it has no owner
    private static Arena unreachable() {
        Arena[] created = new Arena[1];
        Thread owner = Thread.ofPlatform().start(() -> created[0] = Arena.ofConfined());
        boolean interrupted = false;
        while (true) {
            try {
                owner.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return created[0];
    }

    /// @param alignment at most 256, which every allocation of the driver has
    /// @throws CudaMemoryException if there is not so much
    @Override
    public MemorySegment allocate(long bytes, long alignment) {
        long size = Math.max(1, bytes);
        long address = gpu.allocate(size);
        addresses.add(address);
        return MemorySegment.ofAddress(address).reinterpret(size, UNREACHABLE, null);
    }

    @Override
    public MemorySegment.Scope scope() {
        return UNREACHABLE.scope();
    }

    @Override
    public void close() {
        gpu.free(addresses);
        addresses.clear();
    }
}
