package dev.fenlei.engine.compute.cpu;

import static dev.fenlei.engine.compute.cpu.GemmKernel.A_PITCH;
import static dev.fenlei.engine.compute.cpu.GemmKernel.KC;
import static dev.fenlei.engine.compute.cpu.GemmKernel.LANES;
import static dev.fenlei.engine.compute.cpu.GemmKernel.MR;
import static dev.fenlei.engine.compute.cpu.GemmKernel.NR;

import dev.fenlei.engine.compute.cpu.x86.Bf16Rung;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The matrix product `c = alpha · op(a) · op(b) + beta · c` on the CPU, also with a low-rank update added.
///
/// Blocked as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008): `b` is packed into
/// panels of [GemmKernel#NR] columns, `a` into blocks of [#MC] rows, both widened to single precision on the way, and
/// [GemmKernel] multiplies them tile by tile. Shapes that this would treat badly have their own ways: few rows against a
/// large transposed matrix (generation), a short `a` (adapter gradients). A low-rank update `u · op(v)` is the same product
/// with a longer inner dimension, `[a u] · [op(b); op(v)]`, so that it costs no pass over `c` of its own.
///
/// Only the output is divided among threads, never the sum over `k`, so that the bits of the result do not depend on
/// the number of threads. Buffers are kept per thread; after the first calls nothing large is allocated.
public final class Gemm {

    /// Rows of a packed block of `a`: small enough that the block and a panel share the L2 cache and that two threads
    /// balance, a multiple of every vector length and of MR.
    private static final int MC = 64;

    /// Panels that a task works through with one packed block of `a`.
    private static final int PANELS_PER_TASK = 8;

    /// The fewest when `a` has only one block, and columns are all there is to divide.
    private static final int FEWEST_PANELS_PER_TASK = 2;

    /// Columns and elements of the part of `b` that is packed at a time; 4 MiB stay in the L3 cache.
    private static final int MAX_CHUNK_COLUMNS = 1024;
    private static final int MAX_CHUNK_ELEMENTS = 1 << 20;

    /// Up to so many rows, reading `b` takes longer than multiplying.
    private static final int FEW_ROWS = 8;

    /// Up to so many columns, those of LoRA gradients, packing `a` would take longer than multiplying.
    private static final int FEW_COLUMNS = 16;

    /// Rows of `b` in a task of few rows of `a`, at least and at most.
    private static final int MIN_BAND = 32;
    private static final int MAX_BAND = 1024;

    private final WorkerPool pool;
    private final @Nullable PairGemm pairs;
    private final ThreadLocal<Scratch> scratch = ThreadLocal.withInitial(Scratch::new);

    /// A matrix product in single precision on the threads of `pool`.
    public Gemm(WorkerPool pool) {
        this(pool, null);
    }

    /// @param bf16 what multiplies in bfloat16; null for single precision
    public Gemm(WorkerPool pool, @Nullable Bf16Rung bf16) {
        this.pool = pool;
        pairs = bf16 == null ? null : new PairGemm(pool, bf16);
    }

    /// `c = alpha · op(a) · op(b) + beta · c`; see [dev.fenlei.engine.compute.Backend#matmul].
    ///
    /// @throws IllegalArgumentException if the shapes do not fit or `c` is not F32
    public void matmul(
            Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c) {
        int m = transposeA ? a.columns() : a.rows();
        int k = transposeA ? a.rows() : a.columns();
        int n = transposeB ? b.rows() : b.columns();
        checkShapes(a, transposeA, b, transposeB, c);
        if (m == 0 || n == 0) {
            return;
        }
        Product product = new Product(a, transposeA, b, transposeB, null, m, n, k, alpha, beta, c, false);
        if (k == 0) {
            addNothing(product);
        } else if (transposeB && m == 1 && !transposeA && b.dtype() != DType.F16 && k == GemmPack.roundUp(k)) {
            oneRow(product);
        } else if (transposeB && m <= FEW_ROWS) {
            fewRows(product);
        } else if (pairs != null && !transposeA) {
            pairs.multiply(List.of(new PairGemm.Part(a, b)), transposeB, alpha, beta, c);
        } else if (transposeA && n <= FEW_COLUMNS && n < m) {
            // A gradient of LoRA, tall and narrow: better turned over, cᵀ = bᵀ · aᵀ.
            oneBlock(new Product(b, !transposeB, a, !transposeA, null, n, m, k, alpha, beta, c, true));
        } else {
            blocked(product);
        }
    }

    /// `c = a · op(b) + u · op(v) + beta · c`; see [dev.fenlei.engine.compute.Backend#lowRankMatmul].
    ///
    /// @throws IllegalArgumentException if the shapes do not fit or `c` is not F32
    public void lowRankMatmul(Tensor a, Tensor b, Tensor u, Tensor v, boolean transposeB, float beta, Tensor c) {
        int m = a.rows();
        int n = c.columns();
        int depth = a.columns() + u.columns();
        if (u.rows() != m || v.rows() != (transposeB ? n : u.columns())
                || v.columns() != (transposeB ? u.columns() : n)) {
            throw new IllegalArgumentException(
                    "cannot add " + u + " by " + v + (transposeB ? " transposed" : "") + " to " + c);
        }
        if (m <= FEW_ROWS || a.columns() == 0 || n == 0) {
            matmul(a, false, b, transposeB, 1, beta, c);
            matmul(u, false, v, transposeB, 1, 1, c);
            return;
        }
        checkShapes(a, false, b, transposeB, c);
        if (pairs != null) {
            pairs.multiply(List.of(new PairGemm.Part(a, b), new PairGemm.Part(u, v)), transposeB, 1, beta, c);
            return;
        }
        blocked(new Product(a, false, b, transposeB, new Update(u, v), m, n, depth, 1, beta, c, false));
    }

    private static void checkShapes(Tensor a, boolean transposeA, Tensor b, boolean transposeB, Tensor c) {
        int m = transposeA ? a.columns() : a.rows();
        int k = transposeA ? a.rows() : a.columns();
        int n = transposeB ? b.rows() : b.columns();
        if (k != (transposeB ? b.columns() : b.rows()) || m != c.rows() || n != c.columns() || c.dtype() != DType.F32) {
            throw new IllegalArgumentException("cannot multiply " + a + (transposeA ? " transposed" : "") + " by " + b
                    + (transposeB ? " transposed" : "") + " into " + c);
        }
    }

    private void blocked(Product product) {
        if (product.m <= MC) {
            oneBlock(product);
        } else {
            manyBlocks(product);
        }
    }

    /// What continues the rows of `a` and the columns of `b`.
    private record Update(Tensor u, Tensor v) {}

    /// One call: `[a u]` is `m × k` and `[b; v]` is `k × n` after transposition, `c` is `m × n` before it.
    private record Product(
            Tensor a, boolean transposeA, Tensor b, boolean transposeB, @Nullable Update update,
            int m, int n, int k, float alpha, float beta, Tensor c, boolean transposeC) {

        int panels() {
            return Math.ceilDiv(n, NR);
        }

        /// Where an element of the product lies in `c`, in bytes.
        long offset(int row, int column) {
            return (transposeC ? (long) column * c.stride() + row : (long) row * c.stride() + column) * Float.BYTES;
        }
    }

    private static void addNothing(Product p) {
        float[] zeros = new float[NR];
        for (int row = 0; row < p.m; row++) {
            for (int column = 0; column < p.n; column += NR) {
                GemmKernel.store(zeros, p.c, row, column, 1, Math.min(NR, p.n - column), p.alpha, p.beta);
            }
        }
    }

    /// `a` has several blocks of rows: packs a chunk of `b` for all of them, then multiplies block by block.
    private void manyBlocks(Product p) {
        int chunkPanels = Math.min(p.panels(), MAX_CHUNK_COLUMNS / NR);
        int chunkDepth = Math.max(KC, MAX_CHUNK_ELEMENTS / (chunkPanels * NR) / KC * KC);
        int blocks = Math.ceilDiv(p.m, MC);
        Scratch mine = scratch.get();
        for (int panel = 0; panel < p.panels(); panel += chunkPanels) {
            int firstPanel = panel;
            int panels = Math.min(chunkPanels, p.panels() - firstPanel);
            for (int depth = 0; depth < p.k; depth += chunkDepth) {
                int from = depth;
                int to = Math.min(p.k, depth + chunkDepth);
                float[] packed = mine.chunk(panels * NR * GemmPack.roundUp(to - from));
                int steps = Math.ceilDiv(to - from, KC);
                pool.parallel(steps * panels, task -> {
                    int k0 = from + task / panels * KC;
                    int kc = Math.min(KC, to - k0);
                    int panelInChunk = task % panels;
                    packB(p, firstPanel + panelInChunk, k0, kc, packed,
                            panelOffset(panels * NR, k0 - from, panelInChunk, kc), scratch.get());
                });
                int groups = Math.ceilDiv(panels, PANELS_PER_TASK);
                pool.parallel(blocks * groups, task -> {
                    Scratch s = scratch.get();
                    int row = task / groups * MC;
                    int first = task % groups * PANELS_PER_TASK;
                    int last = Math.min(panels, first + PANELS_PER_TASK);
                    for (int k0 = from; k0 < to; k0 += KC) {
                        int kc = Math.min(KC, to - k0);
                        packA(p, row, k0, kc, s);
                        for (int j = first; j < last; j++) {
                            multiply(p, row, firstPanel + j, k0, kc, packed,
                                    panelOffset(panels * NR, k0 - from, j, kc), s);
                        }
                    }
                });
            }
        }
    }

    /// Where a panel lies in a chunk: blocks of KC rows follow one another, panels within them.
    private static int panelOffset(int chunkColumns, int k0, int panel, int kc) {
        return chunkColumns * k0 + panel * NR * GemmPack.roundUp(kc);
    }

    /// `a` is one block of rows: every panel of `b` is used once and is packed by the task that uses it.
    private void oneBlock(Product p) {
        int panels = p.panels();
        int perTask = Math.clamp(panels / (2 * pool.threads()), FEWEST_PANELS_PER_TASK, PANELS_PER_TASK);
        pool.parallel(Math.ceilDiv(panels, perTask), task -> {
            Scratch s = scratch.get();
            int first = task * perTask;
            int last = Math.min(panels, first + perTask);
            for (int k0 = 0; k0 < p.k; k0 += KC) {
                int kc = Math.min(KC, p.k - k0);
                packA(p, 0, k0, kc, s);
                for (int j = first; j < last; j++) {
                    packB(p, j, k0, kc, s.panel, 0, s);
                    multiply(p, 0, j, k0, kc, s.panel, 0, s);
                }
            }
        });
    }

    /// Multiplies the packed rows of `a` by one packed panel of `b`.
    private static void multiply(
            Product p, int row, int panel, int k0, int kc, float[] packed, int offset, Scratch s) {
        int column = panel * NR;
        int columns = Math.min(NR, p.n - column);
        int end = Math.min(p.m, row + MC);
        float beta = k0 == 0 ? p.beta : 1;
        for (int i = row; i < end; i += MR) {
            GemmKernel.multiply(s.block, (i - row) * A_PITCH, packed, offset, kc, s.tile);
            int rows = Math.min(MR, end - i);
            if (p.transposeC) {
                GemmKernel.storeTransposed(s.tile, p.c, i, column, rows, columns, p.alpha, beta);
            } else {
                GemmKernel.store(s.tile, p.c, i, column, rows, columns, p.alpha, beta);
            }
        }
    }

    /// Packs rows from `row` and `kc` of their elements from `k0`.
    private static void packA(Product p, int row, int k0, int kc, Scratch s) {
        int rows = Math.min(MC, p.m - row);
        if (p.transposeA) {
            GemmPack.copy(p.a, k0, row, kc, rows, s.strip, 0, MC);
            GemmPack.transpose(s.strip, 0, MC, kc, rows, s.block, 0, A_PITCH, s.squares);
        } else {
            copyColumns(p.a, p.update == null ? null : p.update.u, row, k0, rows, kc, s.block);
        }
    }

    /// Copies `kc` columns from `k0` of `[first second]` to rows [GemmKernel#A_PITCH] apart.
    private static void copyColumns(
            Tensor first, @Nullable Tensor second, int row, int k0, int rows, int kc, float[] to) {
        int own = Math.clamp(first.columns() - k0, 0, kc);
        if (own > 0) {
            GemmPack.copy(first, row, k0, rows, own, to, 0, A_PITCH);
        }
        // Behind the first, as its last vectors may reach over its end.
        if (own < kc) {
            Tensor rest = Objects.requireNonNull(second);
            GemmPack.copy(rest, row, k0 + own - first.columns(), rows, kc - own, to, own, A_PITCH);
        }
    }

    /// Packs one panel of `b`, `kc` rows from `k0`.
    private static void packB(Product p, int panel, int k0, int kc, float[] packed, int offset, Scratch s) {
        int column = panel * NR;
        int columns = Math.min(NR, p.n - column);
        if (p.transposeB) {
            copyColumns(p.b, p.update == null ? null : p.update.v, column, k0, columns, kc, s.strip);
            GemmPack.transpose(s.strip, 0, A_PITCH, columns, kc, packed, offset, NR, s.squares);
            return;
        }
        int own = Math.clamp(p.b.rows() - k0, 0, kc);
        if (own > 0) {
            GemmPack.copy(p.b, k0, column, own, columns, packed, offset, NR);
        }
        if (own < kc) {
            Tensor rest = Objects.requireNonNull(p.update).v;
            GemmPack.copy(rest, k0 + own - p.b.rows(), column, kc - own, columns, packed, offset + own * NR, NR);
        }
    }

    /// Few rows against a large `bᵀ`: scalar products of rows, all of `a` at hand, while `b` is read once, in order.
    private void fewRows(Product p) {
        int pitch = GemmPack.roundUp(p.k);
        Scratch mine = scratch.get();
        float[] x = mine.rows(Math.multiplyExact(GemmPack.roundUp(p.m), pitch));
        if (p.transposeA) {
            int width = GemmPack.roundUp(p.m);
            float[] columns = mine.weights(Math.multiplyExact(width, pitch));
            GemmPack.copy(p.a, 0, 0, p.k, p.m, columns, 0, width);
            GemmPack.transpose(columns, 0, width, p.k, p.m, x, 0, pitch, mine.squares);
        } else {
            GemmPack.copy(p.a, 0, 0, p.m, p.k, x, 0, pitch);
        }
        clearPadding(x, p.m, p.k, pitch);
        int band = band(p.n);
        pool.parallel(Math.ceilDiv(p.n, band), task -> {
            Scratch s = scratch.get();
            float[] w = s.weights(4 * pitch);
            int end = Math.min(p.n, (task + 1) * band);
            for (int column = task * band; column < end; column += 4) {
                int columns = Math.min(4, end - column);
                boolean inPlace = p.b.dtype() == DType.BF16 && p.k == pitch && columns == 4;
                if (!inPlace) {
                    GemmPack.copy(p.b, column, 0, columns, p.k, w, 0, pitch);
                    clearPadding(w, columns, p.k, pitch);
                }
                for (int row = 0; row < p.m; row += 2) {
                    int rows = Math.min(2, p.m - row);
                    int x0 = row * pitch;
                    int x1 = (row + rows - 1) * pitch;
                    if (inPlace) {
                        long rowPitch = p.b.stride() * (long) Short.BYTES;
                        GemmKernel.dotsBF16(p.b.memory(), column * rowPitch, rowPitch, x, x0, x1, pitch, s.lanes,
                                s.sums);
                    } else {
                        GemmKernel.dots(w, pitch, x, x0, x1, pitch, s.lanes, s.sums);
                    }
                    for (int j = 0; j < columns; j++) {
                        for (int r = 0; r < rows; r++) {
                            long offset = p.offset(row + r, column + j);
                            GemmKernel.store(s.sums[2 * j + r], p.c.memory(), offset, p.alpha, p.beta);
                        }
                    }
                }
            }
        });
    }

    /// One row against a large `bᵀ` that is read where it lies: what generation does for every token.
    private void oneRow(Product p) {
        float[] x = scratch.get().rows(p.k);
        GemmPack.copy(p.a, 0, 0, 1, p.k, x, 0, p.k);
        Tensor b = p.b;
        long pitch = b.stride() * (long) b.dtype().bytes();
        int band = band(p.n);
        pool.parallel(Math.ceilDiv(p.n, band), task -> {
            Scratch s = scratch.get();
            int end = Math.min(p.n, (task + 1) * band);
            for (int first = task * band; first < end; first += 8) {
                int rows = Math.min(8, end - first);
                switch (b.dtype()) {
                    case BF16 ->
                        GemmKernel.dotBF16(b.memory(), first * pitch, pitch, rows, x, p.k, s.lanes, s.sums);
                    case I8 -> GemmKernel.dotI8(b.memory(), first * pitch, pitch, rows, x, p.k, s.lanes, s.sums);
                    case F32 -> GemmKernel.dotF32(b.memory(), first * pitch, pitch, rows, x, p.k, s.lanes, s.sums);
                    case F16 -> throw new IllegalArgumentException("rows of F16 are widened first");
                }
                for (int i = 0; i < rows; i++) {
                    float sum = b.dtype() == DType.I8 ? b.scale(first + i) * s.sums[i] : s.sums[i];
                    GemmKernel.store(sum, p.c.memory(), p.offset(0, first + i), p.alpha, p.beta);
                }
            }
        });
    }

    /// The rows of `b` in a task: many, as memory is read fastest in long runs, but two tasks for each thread.
    private int band(int n) {
        int rows = Math.clamp(Math.ceilDiv(n, 2 * pool.threads()), MIN_BAND, MAX_BAND);
        return Math.ceilDiv(rows, 8) * 8;
    }

    /// Scalar products run over whole vectors.
    private static void clearPadding(float[] rows, int count, int columns, int pitch) {
        for (int r = 0; r < count && columns < pitch; r++) {
            Arrays.fill(rows, r * pitch + columns, (r + 1) * pitch, 0);
        }
    }

    /// The buffers of one thread.
    private static final class Scratch {
        final float[] block = new float[MC * A_PITCH];
        final float[] panel = new float[KC * NR];
        final float[] strip = new float[Math.max(KC * MC, NR * A_PITCH)];
        final float[] tile = new float[MR * NR];
        final float[] squares = new float[2 * LANES * LANES];
        final float[] lanes = new float[8 * LANES];
        final float[] sums = new float[16];
        private float[] chunk = new float[0];
        private float[] rows = new float[0];
        private float[] weights = new float[0];

        float[] chunk(int size) {
            return chunk = grown(chunk, size);
        }

        float[] rows(int size) {
            return rows = grown(rows, size);
        }

        float[] weights(int size) {
            return weights = grown(weights, size);
        }

        private static float[] grown(float[] buffer, int size) {
            return buffer.length >= size ? buffer : new float[size];
        }
    }
}
