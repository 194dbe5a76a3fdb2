package dev.fenlei.engine.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Scratch memory of one step: hands out tensors from large blocks by moving a pointer, and takes them all back at once.
///
/// After the first step of the largest size nothing is allocated any more. Memory handed out is not cleared.
/// [#mark()] and [#release(Mark)] take back everything handed out since the mark, in stack order.
/// Not safe for use by several threads at once.
public final class Workspace implements AutoCloseable {

    /// A position to return to.
    public record Mark(int block, long offset) {}

    /// New blocks are as large as all others together within these bounds: zeroing large ones takes longer than a small
    /// model's step.
    private static final long MIN_BLOCK_BYTES = 1L << 20;

    private static final long MAX_BLOCK_BYTES = 64L << 20;
    private static final long ALIGNMENT = 64;

    private final Arena arena;
    private final @Nullable Device device;
    private final List<MemorySegment> blocks = new ArrayList<>();
    private int block;
    private long offset;

    /// Scratch in host memory.
    @SuppressWarnings("MustBeClosedChecker") // closed by close
    public Workspace() {
        this(Arena.ofShared(), null);
    }

    /// Scratch in a device's memory.
    ///
    /// @param arena allocates that memory; closed with the workspace
    /// @param device null for host memory
    public Workspace(Arena arena, @Nullable Device device) {
        this.arena = arena;
        this.device = device;
    }

    /// An F32 tensor of the given shape with undefined contents.
    public Tensor take(int rows, int columns) {
        return take(DType.F32, rows, columns);
    }

    /// A tensor of the given type and shape with undefined contents.
    public Tensor take(DType dtype, int rows, int columns) {
        long bytes = Math.multiplyExact((long) rows * columns, (long) dtype.bytes());
        long padded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        while (block < blocks.size() && offset + padded > blocks.get(block).byteSize()) {
            block++;
            offset = 0;
        }
        if (block == blocks.size()) {
            long size = Math.clamp(heldBytes(), MIN_BLOCK_BYTES, MAX_BLOCK_BYTES);
            blocks.add(arena.allocate(Math.max(size, padded), ALIGNMENT));
        }
        MemorySegment memory = blocks.get(block).asSlice(offset, bytes);
        offset += padded;
        return new Tensor(
                memory, dtype, rows, columns, columns, dtype == DType.I8 ? take(rows, 1) : null, device);
    }

    /// The present position.
    public Mark mark() {
        return new Mark(block, offset);
    }

    /// Takes back everything handed out since `mark`.
    public void release(Mark mark) {
        block = mark.block();
        offset = mark.offset();
    }

    /// Takes back everything.
    public void reset() {
        block = 0;
        offset = 0;
    }

    /// The bytes held, in use or not.
    public long heldBytes() {
        return blocks.stream().mapToLong(MemorySegment::byteSize).sum();
    }

    @Override
    public void close() {
        arena.close();
    }
}
