package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.cpu.x86.Bf16Rung;
import dev.fenlei.engine.compute.cpu.x86.ConvertKernel;
import dev.fenlei.engine.compute.cpu.x86.TileKernel;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// The matrix product with operands rounded to bfloat16 and sums in single precision, on the machine code of [TileKernel].
///
/// Blocked like [Gemm], with pairs of bfloat16 as elements. A product with a transposed matrix in bfloat16, `y = x·Wᵀ`, is
/// turned over, `yᵀ = W·xᵀ`: then the rows of W are read where they lie in the mapped file, and only `x` is packed.
///
/// Only the output is divided among threads, so that the bits of the result do not depend on their number. Buffers are kept
/// per thread.
final class PairGemm {

    /// Rows of a block of `a`: a multiple of the rows of every kernel, and of the vector length.
    private static final int MC = 96;

    /// Slots that are multiplied at a time: a panel of this height stays in the first-level cache.
    private static final int KC = 256;

    /// The part of `b` that is packed at a time.
    private static final long MAX_CHUNK_BYTES = 16L << 20;

    private static final int COLUMNS = TileKernel.COLUMNS;
    private static final int PANEL_ROW = COLUMNS * Float.BYTES;
    private static final int LANES = 16;
    private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_512;
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

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
    void multiply(List<Part> parts, boolean transposeB, float alpha, float beta, Tensor c) {
        int m = c.rows();
        int n = c.columns();
        if (transposeB && readInPlace(parts.getFirst().b, parts.getFirst().b.columns())) {
            List<Part> turned = parts.stream().map(Part::turned).toList();
            run(new Product(turned, true, n, m, alpha, beta, c, true));
        } else {
            run(new Product(parts, transposeB, m, n, alpha, beta, c, false));
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

    /// Whether the kernel can read rows of `k` elements where they lie: bfloat16, and no slot to be filled up.
    private boolean readInPlace(Tensor a, int k) {
        return a.dtype() == DType.BF16 && k == 2 * slots(k);
    }

    /// The slots that `k` elements take.
    private int slots(int k) {
        int unit = kernel.depthUnit();
        return (Math.ceilDiv(k, 2) + unit - 1) / unit * unit;
    }

    private void run(Product p) {
        int depth = p.parts.stream().mapToInt(part -> slots(part.a.columns())).sum();
        long panelBytes = (long) depth * PANEL_ROW;
        int chunkPanels = (int) Math.clamp(MAX_CHUNK_BYTES / panelBytes, 1, p.panels());
        int blocks = Math.ceilDiv(p.m, MC);
        Scratch mine = scratch.get();
        for (int chunk = 0; chunk < p.panels(); chunk += chunkPanels) {
            int firstPanel = chunk;
            int panels = Math.min(chunkPanels, p.panels() - firstPanel);
            MemorySegment packed = mine.chunk.of(panels * panelBytes);
            pool.parallel(panels, task -> packPanel(p, firstPanel + task, packed, task * panelBytes));
            int groups = Math.clamp(Math.ceilDiv(4 * pool.threads(), blocks), 1, panels);
            int perTask = Math.ceilDiv(panels, groups);
            pool.parallel(blocks * groups, task -> {
                int block = task / groups;
                int first = task % groups * perTask;
                int last = Math.min(panels, first + perTask);
                if (first < last) {
                    block(p, block * MC, firstPanel, first, last, packed, panelBytes, depth);
                }
            });
        }
    }

    /// Multiplies one block of rows by the panels `first` to `last` of a chunk.
    private void block(
            Product p, int row, int firstPanel, int first, int last, MemorySegment packed, long panelBytes,
            int depth) {
        Scratch s = scratch.get();
        int rows = Math.min(MC, p.m - row);
        int inGroups = rows / kernel.rows() * kernel.rows();
        // An odd number of cache lines, so that the rows spread over the sets of the cache.
        long pitch = (depth * 4L + 127) / 128 * 128 + 64;
        MemorySegment block = s.block.of(MC * pitch);
        long column = 0;
        for (Part part : p.parts) {
            int k = part.a.columns();
            int from = readInPlace(part.a, k) ? inGroups : 0;
            PairPack.rows(
                    part.a, row + from, 0, rows - from, k, convert, block, column + from * pitch, pitch,
                    2 * slots(k));
            column += slots(k) * 4L;
        }
        for (int panel = first; panel < last; panel++) {
            long b = packed.address() + panel * panelBytes;
            long at = block.address();
            boolean accumulate = false;
            for (Part part : p.parts) {
                int slots = slots(part.a.columns());
                boolean inPlace = readInPlace(part.a, part.a.columns());
                long a = inPlace ? part.a.address() + (long) row * part.a.stride() * Short.BYTES : at;
                long aPitch = inPlace ? (long) part.a.stride() * Short.BYTES : pitch;
                for (int k0 = 0; k0 < slots; k0 += KC) {
                    long kc = Math.min(KC, slots - k0);
                    if (inGroups > 0) {
                        kernel.multiply(
                                a + k0 * 4L, aPitch, b, kc, s.tile.address(), inGroups / kernel.rows(), accumulate);
                    }
                    if (inGroups < rows) {
                        kernel.multiply(
                                at + inGroups * pitch + k0 * 4L, pitch, b, kc,
                                s.tile.address() + (long) inGroups * PANEL_ROW, 1, accumulate);
                    }
                    b += kc * PANEL_ROW;
                    accumulate = true;
                }
                at += slots * 4L;
            }
            store(p, row, (firstPanel + panel) * COLUMNS, rows, s);
        }
    }

    private void packPanel(Product p, int panel, MemorySegment to, long offset) {
        Scratch s = scratch.get();
        int column = panel * COLUMNS;
        int columns = Math.min(COLUMNS, p.n - column);
        long target = offset;
        for (Part part : p.parts) {
            int k = part.a.columns();
            int slots = slots(k);
            if (p.transposeB) {
                long pitch = (slots * 4L + 127) / 128 * 128 + 64;
                MemorySegment strip = s.strip.of(COLUMNS * pitch);
                PairPack.rows(part.b, column, 0, columns, k, convert, strip, 0, pitch, 2 * slots);
                transpose(strip, pitch, slots, to, target, s);
            } else {
                zip(part.b, column, columns, k, slots, to, target, s);
            }
            target += (long) slots * PANEL_ROW;
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

    /// 32 columns of `b`, as they stand, to slots.
    private void zip(
            Tensor b, int column, int columns, int k, int slots, MemorySegment to, long target, Scratch s) {
        if (b.dtype() == DType.BF16 && columns == COLUMNS) {
            PairPack.zip(b.memory(), column * 2L, b.stride() * 2L, k, to, target);
        } else {
            MemorySegment strip = s.strip.of(k * 64L);
            PairPack.rows(b, 0, column, k, columns, convert, strip, 0, 64, COLUMNS);
            PairPack.zip(strip, 0, 64, k, to, target);
        }
        long used = Math.ceilDiv(k, 2);
        to.asSlice(target + used * PANEL_ROW, (slots - used) * PANEL_ROW).fill((byte) 0);
    }

    private static void store(Product p, int row, int column, int rows, Scratch s) {
        int columns = Math.min(COLUMNS, p.n - column);
        Tensor c = p.c;
        if (!p.transposeC) {
            for (int r = 0; r < rows; r++) {
                for (int i = 0; i < columns; i += LANES) {
                    storeRow(
                            s.tile, (long) r * PANEL_ROW + i * 4L, c, row + r, column + i,
                            Math.min(LANES, columns - i), p.alpha, p.beta);
                }
            }
            return;
        }
        for (int r = 0; r < rows; r += LANES) {
            int width = Math.min(LANES, rows - r);
            for (int i = 0; i < columns; i += LANES) {
                PairPack.transpose(s.tile, (long) r * PANEL_ROW + i * 4L, PANEL_ROW, s.turned, 0, 64, s.square);
                for (int j = 0; j < Math.min(LANES, columns - i); j++) {
                    storeRow(s.turned, j * 64L, c, column + i + j, row + r, width, p.alpha, p.beta);
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
            FloatVector sum = FloatVector.fromMemorySegment(FLOATS, sums, from, ORDER).mul(alpha);
            if (beta != 0) {
                sum = FloatVector.fromMemorySegment(FLOATS, memory, at, ORDER)
                        .fma(FloatVector.broadcast(FLOATS, beta), sum);
            }
            sum.intoMemorySegment(memory, at, ORDER);
            return;
        }
        for (int i = 0; i < count; i++) {
            float sum = sums.get(FLOAT, from + i * 4L) * alpha;
            memory.set(FLOAT, at + i * 4L, beta == 0 ? sum : Math.fma(memory.get(FLOAT, at + i * 4L), beta, sum));
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
