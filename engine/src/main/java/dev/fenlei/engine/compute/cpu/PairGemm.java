package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.cpu.x86.Bf16Rung;
import dev.fenlei.engine.compute.cpu.x86.ConvertKernel;
import dev.fenlei.engine.compute.cpu.x86.TileKernel;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// The matrix product with operands rounded to bfloat16 and sums in single precision, on the machine code of [TileKernel].
///
/// Blocked like [Gemm], with pairs of bfloat16 as elements. A product of few rows with a transposed matrix in bfloat16,
/// `y = x·Wᵀ`, is turned over, `yᵀ = W·xᵀ`: then the rows of W are read where they lie in the mapped file, and only `x` is
/// packed.
///
/// Only the output is divided among threads, so that the bits of the result do not depend on their number. Buffers are kept
/// per thread.
final class PairGemm {

    /// Rows of a block of `a`: a multiple of the rows of every kernel, and of the vector length.
    private static final int MC = 96;

    /// Slots that are multiplied at a time: a panel of this height stays in the first-level cache.
    private static final int KC = 256;

    /// The part of `b` that is packed at a time; it stays in the third-level cache.
    private static final long MAX_CHUNK_BYTES = 16L << 20;
    private static final int MAX_CHUNK_PANELS = 64;

    /// What one task packs of a `b` that is not transposed; its rows stay in the second-level cache.
    private static final int PANELS_PER_PACK = 16;
    private static final int SLOTS_PER_PACK = 64;

    private static final int COLUMNS = TileKernel.COLUMNS;
    private static final int PANEL_ROW = COLUMNS * Float.BYTES;
    private static final int LANES = 16;
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;

    private final WorkerPool pool;
    private final TileKernel kernel;
    private final ConvertKernel convert;
    private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

    PairGemm(WorkerPool pool, Bf16Rung rung) {
        this.pool = pool;
        kernel = rung.tile();
        convert = rung.convert();
    }

    /// A product of `a` (m × k) by `op(b)` (k × n).
    record Part(Tensor a, Tensor b) {
        Part turned() {
            return new Part(b, a);
        }
    }

    /// `c = alpha · Σ a · op(b) + beta · c` over the parts.
    ///
    /// @throws IllegalStateException if the memory of a tensor has been closed
    void multiply(List<Part> parts, boolean transposeB, float alpha, float beta, Tensor c) {
        parts.forEach(part -> {
            requireOpen(part.a);
            requireOpen(part.b);
        });
        requireOpen(c);
        int m = c.rows();
        int n = c.columns();
        long k = parts.getFirst().b.columns();
        // What has to be transposed: pairs of x and the results, or pairs of W.
        boolean fewer = m * (k / 2 + n) < n * (k / 2);
        if (transposeB && fewer && readInPlace(parts.getFirst().b)) {
            List<Part> turned = parts.stream().map(Part::turned).toList();
            run(new Product(turned, true, n, m, alpha, beta, c, true));
        } else {
            run(new Product(parts, transposeB, m, n, alpha, beta, c, false));
        }
    }

    /// Machine code gets addresses, behind which nobody looks any more.
    private static void requireOpen(Tensor tensor) {
        if (!tensor.memory().scope().isAlive()) {
            throw new IllegalStateException("already closed: " + tensor);
        }
    }

    /// One call: a part's `a` is `m × k` and its `op(b)` is `k × n`; `c` is `m × n` before it is transposed.
    private record Product(
            List<Part> parts, boolean transposeB, int m, int n, float alpha, float beta, Tensor c,
            boolean transposeC) {

        int panels() {
            return Math.ceilDiv(n, COLUMNS);
        }
    }

    /// Whether the kernel can read rows where they lie: bfloat16, and no slot to be filled up.
    private boolean readInPlace(Tensor a) {
        return a.dtype() == DType.BF16 && a.columns() == 2 * slots(a.columns());
    }

    /// The slots that `k` elements take.
    private int slots(int k) {
        int unit = kernel.depthUnit();
        return (Math.ceilDiv(k, 2) + unit - 1) / unit * unit;
    }

    /// Slots `first` to `first + count` of a part.
    private record Segment(Part part, int first, int count) {

        /// Where they begin among the elements along the sum.
        int element() {
            return 2 * first;
        }

        /// How many elements they hold; the last slots may be filled up with zeros.
        int elements() {
            return Math.min(2 * count, part.a.columns() - element());
        }
    }

    /// What is packed at a time: some panels of `b`, over some of the slots.
    private record Chunk(List<Segment> segments, int firstPanel, int panels) {

        int slots() {
            return segments.stream().mapToInt(Segment::count).sum();
        }

        long panelBytes() {
            return (long) slots() * PANEL_ROW;
        }
    }

    private void run(Product p) {
        int panels = Math.min(p.panels(), MAX_CHUNK_PANELS);
        int depth = (int) (MAX_CHUNK_BYTES / PANEL_ROW / panels) / KC * KC;
        List<List<Segment>> steps = steps(p.parts, depth);
        for (int panel = 0; panel < p.panels(); panel += panels) {
            for (int step = 0; step < steps.size(); step++) {
                Chunk chunk = new Chunk(steps.get(step), panel, Math.min(panels, p.panels() - panel));
                run(p, chunk, step == 0 ? p.beta : 1);
            }
        }
    }

    /// The slots of all parts, in order, in steps of at most `depth`.
    private List<List<Segment>> steps(List<Part> parts, int depth) {
        List<List<Segment>> steps = new ArrayList<>();
        int room = 0;
        for (Part part : parts) {
            int slots = slots(part.a.columns());
            for (int first = 0; first < slots;) {
                if (room == 0) {
                    steps.add(new ArrayList<>());
                    room = depth;
                }
                int count = Math.min(room, slots - first);
                steps.getLast().add(new Segment(part, first, count));
                first += count;
                room -= count;
            }
        }
        return steps;
    }

    private void run(Product p, Chunk chunk, float beta) {
        MemorySegment packed = scratch.get().chunk.of(chunk.panels * chunk.panelBytes());
        pack(p, chunk, packed);
        int blocks = Math.ceilDiv(p.m, MC);
        int groups = Math.clamp(Math.ceilDiv(4 * pool.threads(), blocks), 1, chunk.panels);
        int perTask = Math.ceilDiv(chunk.panels, groups);
        pool.parallel(blocks * groups, task -> {
            int first = task % groups * perTask;
            int last = Math.min(chunk.panels, first + perTask);
            if (first < last) {
                block(p, chunk, task / groups * MC, first, last, packed, beta);
            }
        });
    }

    /// Multiplies one block of rows by the panels `first` to `last` of a chunk.
    private void block(Product p, Chunk chunk, int row, int first, int last, MemorySegment packed, float beta) {
        Scratch s = scratch.get();
        int rows = Math.min(MC, p.m - row);
        int inGroups = rows / kernel.rows() * kernel.rows();
        long pitch = oddLines(chunk.slots() * 4L);
        MemorySegment block = s.block.of(MC * pitch);
        long column = 0;
        for (Segment segment : chunk.segments) {
            int from = readInPlace(segment.part.a) ? inGroups : 0;
            PairPack.rows(
                    segment.part.a, row + from, segment.element(), rows - from, segment.elements(), convert, block,
                    column + from * pitch, pitch, 2 * segment.count);
            column += segment.count * 4L;
        }
        for (int panel = first; panel < last; panel++) {
            long b = packed.address() + panel * chunk.panelBytes();
            long packedRows = block.address();
            boolean accumulate = false;
            for (Segment segment : chunk.segments) {
                Tensor a = segment.part.a;
                boolean inPlace = readInPlace(segment.part.a);
                long aPitch = inPlace ? (long) a.stride() * Short.BYTES : pitch;
                long rowsInGroups = inPlace ? a.address() + row * aPitch + segment.first * 4L : packedRows;
                for (int k0 = 0; k0 < segment.count; k0 += KC) {
                    long kc = Math.min(KC, segment.count - k0);
                    if (inGroups > 0) {
                        kernel.multiply(
                                rowsInGroups + k0 * 4L, aPitch, b, kc, s.tile.address(), inGroups / kernel.rows(),
                                accumulate);
                    }
                    if (inGroups < rows) {
                        kernel.multiply(
                                packedRows + inGroups * pitch + k0 * 4L, pitch, b, kc,
                                s.tile.address() + (long) inGroups * PANEL_ROW, 1, accumulate);
                    }
                    b += kc * PANEL_ROW;
                    accumulate = true;
                }
                packedRows += segment.count * 4L;
            }
            store(p, row, (chunk.firstPanel + panel) * COLUMNS, rows, beta, s);
        }
    }

    /// An odd number of cache lines, so that rows at this distance spread over the sets of the cache.
    private static long oddLines(long bytes) {
        return (bytes + 127) / 128 * 128 + 64;
    }

    /// Packs the panels of `b` one after another, each slot by slot.
    private void pack(Product p, Chunk chunk, MemorySegment to) {
        if (p.transposeB) {
            pool.parallel(chunk.panels, panel -> {
                long target = panel * chunk.panelBytes();
                for (Segment segment : chunk.segments) {
                    packTransposed(segment, (chunk.firstPanel + panel) * COLUMNS, to, target);
                    target += (long) segment.count * PANEL_ROW;
                }
            });
            return;
        }
        // Rows of `b` are read over several panels, as a panel alone takes too little of each.
        int groups = Math.ceilDiv(chunk.panels, PANELS_PER_PACK);
        long target = 0;
        for (Segment segment : chunk.segments) {
            long start = target;
            pool.parallel(groups * Math.ceilDiv(segment.count, SLOTS_PER_PACK), task -> {
                int first = task / groups * SLOTS_PER_PACK;
                int count = Math.min(SLOTS_PER_PACK, segment.count - first);
                int panel = task % groups * PANELS_PER_PACK;
                int last = Math.min(chunk.panels, panel + PANELS_PER_PACK);
                Segment slots = new Segment(segment.part, segment.first + first, count);
                packRows(
                        slots, (chunk.firstPanel + panel) * COLUMNS, last - panel, to,
                        panel * chunk.panelBytes() + start + (long) first * PANEL_ROW, chunk.panelBytes());
            });
            target += (long) segment.count * PANEL_ROW;
        }
    }

    private void packTransposed(Segment segment, int column, MemorySegment to, long target) {
        Scratch s = scratch.get();
        Tensor b = segment.part.b;
        int columns = Math.min(COLUMNS, b.rows() - column);
        long pitch = oddLines(segment.count * 4L);
        MemorySegment strip = s.strip.of(COLUMNS * pitch);
        PairPack.rows(
                b, column, segment.element(), columns, segment.elements(), convert, strip, 0, pitch,
                2 * segment.count);
        transpose(strip, pitch, segment.count, to, target, s);
    }

    /// Rows of `b` as they stand to slots of `panels` panels, which are `panelBytes` apart.
    private void packRows(Segment segment, int column, int panels, MemorySegment to, long target, long panelBytes) {
        Tensor b = segment.part.b;
        int k = Math.max(0, segment.elements());
        int columns = Math.min(panels * COLUMNS, b.columns() - column);
        MemorySegment rows = b.memory();
        long pitch = b.stride() * 2L;
        long offset = segment.element() * pitch + column * 2L;
        if (b.dtype() != DType.BF16 || columns < panels * COLUMNS) {
            pitch = panels * COLUMNS * 2L;
            offset = 0;
            rows = scratch.get().strip.of(2L * SLOTS_PER_PACK * pitch);
            PairPack.rows(b, segment.element(), column, k, columns, convert, rows, 0, pitch, panels * COLUMNS);
        }
        for (int panel = 0; panel < panels; panel++) {
            long start = target + panel * panelBytes;
            PairPack.zip(rows, offset + panel * 64L, pitch, k, to, start);
            long used = (long) Math.ceilDiv(k, 2) * PANEL_ROW;
            to.asSlice(start + used, segment.count * (long) PANEL_ROW - used).fill((byte) 0);
        }
    }

    /// 32 rows of slots to slots of 32 columns. The kernels' depths are multiples of 4, the squares have 16 slots.
    private static void transpose(
            MemorySegment strip, long pitch, int slots, MemorySegment to, long target, Scratch s) {
        for (int slot = 0; slot < slots; slot += LANES) {
            for (int half = 0; half < 2; half++) {
                long source = half * LANES * pitch + slot * 4L;
                if (slot + LANES <= slots) {
                    PairPack.transpose(
                            strip, source, pitch, to, target + (long) slot * PANEL_ROW + half * 64L, PANEL_ROW,
                            s.square);
                } else {
                    PairPack.transpose(strip, source, pitch, s.turned, 0, 64, s.square);
                    for (int i = 0; slot + i < slots; i++) {
                        MemorySegment.copy(
                                s.turned, i * 64L, to, target + (long) (slot + i) * PANEL_ROW + half * 64L, 64);
                    }
                }
            }
        }
    }

    private static void store(Product p, int row, int column, int rows, float beta, Scratch s) {
        int columns = Math.min(COLUMNS, p.n - column);
        Tensor c = p.c;
        if (!p.transposeC) {
            for (int r = 0; r < rows; r++) {
                for (int i = 0; i < columns; i += LANES) {
                    storeRow(
                            s.tile, (long) r * PANEL_ROW + i * 4L, c, row + r, column + i,
                            Math.min(LANES, columns - i), p.alpha, beta);
                }
            }
            return;
        }
        for (int r = 0; r < rows; r += LANES) {
            int width = Math.min(LANES, rows - r);
            for (int i = 0; i < columns; i += LANES) {
                PairPack.transpose(s.tile, (long) r * PANEL_ROW + i * 4L, PANEL_ROW, s.turned, 0, 64, s.square);
                for (int j = 0; j < Math.min(LANES, columns - i); j++) {
                    storeRow(s.turned, j * 64L, c, column + i + j, row + r, width, p.alpha, beta);
                }
            }
        }
    }

    /// `c = alpha · sums + beta · c` for up to 16 elements of a row.
    private static void storeRow(
            MemorySegment sums, long from, Tensor c, int row, int column, int count, float alpha, float beta) {
        MemorySegment memory = c.memory();
        long at = ((long) row * c.stride() + column) * Float.BYTES;
        if (count == LANES) {
            FloatVector sum = FloatVector.fromMemorySegment(FLOATS, sums, from, Lanes.ORDER).mul(alpha);
            if (beta != 0) {
                sum = FloatVector.fromMemorySegment(FLOATS, memory, at, Lanes.ORDER)
                        .fma(FloatVector.broadcast(FLOATS, beta), sum);
            }
            sum.intoMemorySegment(memory, at, Lanes.ORDER);
            return;
        }
        for (int i = 0; i < count; i++) {
            float sum = sums.get(Lanes.FLOAT, from + i * 4L) * alpha;
            memory.set(Lanes.FLOAT, at + i * 4L,
                    beta == 0 ? sum : Math.fma(memory.get(Lanes.FLOAT, at + i * 4L), beta, sum));
        }
    }

    /// The buffers of one thread.
    private static final class Scratch {
        final Buffer chunk = new Buffer();
        final Buffer block = new Buffer();
        final Buffer strip = new Buffer();
        final MemorySegment tile = memory(MC * (long) PANEL_ROW);
        final MemorySegment square = memory(LANES * 64L);
        final MemorySegment turned = memory(LANES * 64L);

        private static MemorySegment memory(long bytes) {
            return Arena.ofAuto().allocate(bytes, 64);
        }
    }

    /// Native memory that grows.
    private static final class Buffer {
        private MemorySegment memory = MemorySegment.NULL;

        MemorySegment of(long bytes) {
            if (memory.byteSize() < bytes) {
                memory = Scratch.memory(bytes);
            }
            return memory;
        }
    }
}
