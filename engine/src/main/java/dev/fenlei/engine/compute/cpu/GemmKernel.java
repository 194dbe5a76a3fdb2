package dev.fenlei.engine.compute.cpu;

import static dev.fenlei.engine.compute.cpu.GemmPack.HIGH;
import static dev.fenlei.engine.compute.cpu.GemmPack.LOW;

import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/// The innermost loops of the matrix product, on packed float arrays.
///
/// The product tiles are outer products: one vector of `b` meets one broadcast element of `a` per multiplication, which
/// needs fewer loads than scalar products of rows. Accumulators are named locals because C2 keeps only those in
/// registers; a vector that is passed to a method or put in an array would be boxed.
///
/// Product tiles give the same bits at every width of [Lanes], scalar products do not.
final class GemmKernel {

    static final VectorSpecies<Float> FLOATS = Lanes.FLOATS;

    /// Floats in a vector.
    static final int LANES = FLOATS.length();

    /// Rows of a product tile; both numbers waste nothing on the usual LoRA ranks, 8 and 16.
    ///
    /// C2 loads all operands of a round before its first multiply-add, so a tile takes `3 · MR + 2` registers: eight rows
    /// fit into the 32 registers of AVX-512, four into 16, and four times two accumulators just hide the latency of
    /// multiply-add. A taller tile would keep an accumulator in memory, which costs about twelve cycles a round.
    static final int MR = LANES == 16 ? 8 : 4;

    /// Columns of a product tile.
    static final int NR = 2 * LANES;

    /// The longest sum that a tile gathers in registers. A panel of this height and a block of `a` stay in the L2 cache.
    static final int KC = 512;

    /// The distance between packed rows of `a`: constant, so that all rows are reached from one register, and an odd
    /// number of cache lines, so that they spread over the sets of the cache.
    static final int A_PITCH = KC + 16;

    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private GemmKernel() {}

    /// `tile = a · b` for `MR × NR` elements: `a` holds MR rows `A_PITCH` apart, `b` holds `k` rows of two vectors each.
    static void multiply(float[] a, int aOffset, float[] b, int bOffset, int k, float[] tile) {
        if (MR == 8) {
            multiply8(a, aOffset, b, bOffset, k, tile);
        } else {
            multiply4(a, aOffset, b, bOffset, k, tile);
        }
    }

    private static void multiply8(float[] a, int aOffset, float[] b, int bOffset, int k, float[] tile) {
        FloatVector c00 = FloatVector.zero(FLOATS), c01 = FloatVector.zero(FLOATS);
        FloatVector c10 = FloatVector.zero(FLOATS), c11 = FloatVector.zero(FLOATS);
        FloatVector c20 = FloatVector.zero(FLOATS), c21 = FloatVector.zero(FLOATS);
        FloatVector c30 = FloatVector.zero(FLOATS), c31 = FloatVector.zero(FLOATS);
        FloatVector c40 = FloatVector.zero(FLOATS), c41 = FloatVector.zero(FLOATS);
        FloatVector c50 = FloatVector.zero(FLOATS), c51 = FloatVector.zero(FLOATS);
        FloatVector c60 = FloatVector.zero(FLOATS), c61 = FloatVector.zero(FLOATS);
        FloatVector c70 = FloatVector.zero(FLOATS), c71 = FloatVector.zero(FLOATS);
        for (int p = 0; p < k; p++) {
            int i = aOffset + p;
            FloatVector b0 = FloatVector.fromArray(FLOATS, b, bOffset + p * NR);
            FloatVector b1 = FloatVector.fromArray(FLOATS, b, bOffset + p * NR + LANES);
            FloatVector v0 = FloatVector.broadcast(FLOATS, a[i]);
            c00 = v0.fma(b0, c00);
            c01 = v0.fma(b1, c01);
            FloatVector v1 = FloatVector.broadcast(FLOATS, a[i + A_PITCH]);
            c10 = v1.fma(b0, c10);
            c11 = v1.fma(b1, c11);
            FloatVector v2 = FloatVector.broadcast(FLOATS, a[i + 2 * A_PITCH]);
            c20 = v2.fma(b0, c20);
            c21 = v2.fma(b1, c21);
            FloatVector v3 = FloatVector.broadcast(FLOATS, a[i + 3 * A_PITCH]);
            c30 = v3.fma(b0, c30);
            c31 = v3.fma(b1, c31);
            FloatVector v4 = FloatVector.broadcast(FLOATS, a[i + 4 * A_PITCH]);
            c40 = v4.fma(b0, c40);
            c41 = v4.fma(b1, c41);
            FloatVector v5 = FloatVector.broadcast(FLOATS, a[i + 5 * A_PITCH]);
            c50 = v5.fma(b0, c50);
            c51 = v5.fma(b1, c51);
            FloatVector v6 = FloatVector.broadcast(FLOATS, a[i + 6 * A_PITCH]);
            c60 = v6.fma(b0, c60);
            c61 = v6.fma(b1, c61);
            FloatVector v7 = FloatVector.broadcast(FLOATS, a[i + 7 * A_PITCH]);
            c70 = v7.fma(b0, c70);
            c71 = v7.fma(b1, c71);
        }
        c00.intoArray(tile, 0);
        c01.intoArray(tile, LANES);
        c10.intoArray(tile, NR);
        c11.intoArray(tile, NR + LANES);
        c20.intoArray(tile, 2 * NR);
        c21.intoArray(tile, 2 * NR + LANES);
        c30.intoArray(tile, 3 * NR);
        c31.intoArray(tile, 3 * NR + LANES);
        c40.intoArray(tile, 4 * NR);
        c41.intoArray(tile, 4 * NR + LANES);
        c50.intoArray(tile, 5 * NR);
        c51.intoArray(tile, 5 * NR + LANES);
        c60.intoArray(tile, 6 * NR);
        c61.intoArray(tile, 6 * NR + LANES);
        c70.intoArray(tile, 7 * NR);
        c71.intoArray(tile, 7 * NR + LANES);
    }

    private static void multiply4(float[] a, int aOffset, float[] b, int bOffset, int k, float[] tile) {
        FloatVector c00 = FloatVector.zero(FLOATS), c01 = FloatVector.zero(FLOATS);
        FloatVector c10 = FloatVector.zero(FLOATS), c11 = FloatVector.zero(FLOATS);
        FloatVector c20 = FloatVector.zero(FLOATS), c21 = FloatVector.zero(FLOATS);
        FloatVector c30 = FloatVector.zero(FLOATS), c31 = FloatVector.zero(FLOATS);
        for (int p = 0; p < k; p++) {
            int i = aOffset + p;
            FloatVector b0 = FloatVector.fromArray(FLOATS, b, bOffset + p * NR);
            FloatVector b1 = FloatVector.fromArray(FLOATS, b, bOffset + p * NR + LANES);
            FloatVector v0 = FloatVector.broadcast(FLOATS, a[i]);
            c00 = v0.fma(b0, c00);
            c01 = v0.fma(b1, c01);
            FloatVector v1 = FloatVector.broadcast(FLOATS, a[i + A_PITCH]);
            c10 = v1.fma(b0, c10);
            c11 = v1.fma(b1, c11);
            FloatVector v2 = FloatVector.broadcast(FLOATS, a[i + 2 * A_PITCH]);
            c20 = v2.fma(b0, c20);
            c21 = v2.fma(b1, c21);
            FloatVector v3 = FloatVector.broadcast(FLOATS, a[i + 3 * A_PITCH]);
            c30 = v3.fma(b0, c30);
            c31 = v3.fma(b1, c31);
        }
        c00.intoArray(tile, 0);
        c01.intoArray(tile, LANES);
        c10.intoArray(tile, NR);
        c11.intoArray(tile, NR + LANES);
        c20.intoArray(tile, 2 * NR);
        c21.intoArray(tile, 2 * NR + LANES);
        c30.intoArray(tile, 3 * NR);
        c31.intoArray(tile, 3 * NR + LANES);
    }

    /// `c = alpha · tile + beta · c` for the first `rows × columns` elements of a tile.
    static void store(
            float[] tile, Tensor c, int row, int column, int rows, int columns, float alpha, float beta) {
        MemorySegment memory = c.memory();
        if (columns == NR) {
            storeWhole(tile, memory, ((long) row * c.stride() + column) * Float.BYTES, c.stride(), rows, alpha, beta);
            return;
        }
        int whole = columns & -LANES;
        for (int r = 0; r < rows; r++) {
            long base = ((long) (row + r) * c.stride() + column) * Float.BYTES;
            int at = r * NR;
            for (int i = 0; i < whole; i += LANES) {
                long address = base + (long) i * Float.BYTES;
                FloatVector sum = FloatVector.fromArray(FLOATS, tile, at + i);
                if (beta == 0) {
                    sum.mul(alpha).intoMemorySegment(memory, address, ORDER);
                } else {
                    FloatVector old = FloatVector.fromMemorySegment(FLOATS, memory, address, ORDER);
                    sum.fma(FloatVector.broadcast(FLOATS, alpha), old.mul(beta))
                            .intoMemorySegment(memory, address, ORDER);
                }
            }
            for (int i = whole; i < columns; i++) {
                store(tile[at + i], memory, base + (long) i * Float.BYTES, alpha, beta);
            }
        }
    }

    private static void storeWhole(
            float[] tile, MemorySegment memory, long base, int stride, int rows, float alpha, float beta) {
        FloatVector factor = FloatVector.broadcast(FLOATS, alpha);
        for (int r = 0; r < rows; r++) {
            FloatVector left = FloatVector.fromArray(FLOATS, tile, r * NR);
            FloatVector right = FloatVector.fromArray(FLOATS, tile, r * NR + LANES);
            long at = base + (long) r * stride * Float.BYTES;
            long next = at + LANES * Float.BYTES;
            if (beta == 0) {
                left.mul(factor).intoMemorySegment(memory, at, ORDER);
                right.mul(factor).intoMemorySegment(memory, next, ORDER);
            } else {
                left.fma(factor, FloatVector.fromMemorySegment(FLOATS, memory, at, ORDER).mul(beta))
                        .intoMemorySegment(memory, at, ORDER);
                right.fma(factor, FloatVector.fromMemorySegment(FLOATS, memory, next, ORDER).mul(beta))
                        .intoMemorySegment(memory, next, ORDER);
            }
        }
    }

    /// `cᵀ = alpha · tile + beta · cᵀ`: like [#store(float[], Tensor, int, int, int, int, float, float)] with rows
    /// and columns of `c` exchanged.
    static void storeTransposed(
            float[] tile, Tensor c, int row, int column, int rows, int columns, float alpha, float beta) {
        for (int i = 0; i < columns; i++) {
            long base = (long) (column + i) * c.stride() + row;
            for (int r = 0; r < rows; r++) {
                store(tile[r * NR + i], c.memory(), (base + r) * Float.BYTES, alpha, beta);
            }
        }
    }

    /// One element of [#store(float[], Tensor, int, int, int, int, float, float)], rounded alike.
    static void store(float sum, MemorySegment memory, long address, float alpha, float beta) {
        float value = beta == 0 ? alpha * sum : Math.fma(sum, alpha, beta * memory.get(FLOAT, address));
        memory.set(FLOAT, address, value);
    }

    /// Scalar products of four rows of `w` (`wPitch` apart) with two rows of `x`, `k` a multiple of the vector length:
    /// `sums[2i + j] = w[i] · x[j]`; `sums` has room for 16, `lanes` for
    /// eight vectors.
    static void dots(float[] w, int wPitch, float[] x, int x0, int x1, int k, float[] lanes, float[] sums) {
        FloatVector c00 = FloatVector.zero(FLOATS), c01 = FloatVector.zero(FLOATS);
        FloatVector c10 = FloatVector.zero(FLOATS), c11 = FloatVector.zero(FLOATS);
        FloatVector c20 = FloatVector.zero(FLOATS), c21 = FloatVector.zero(FLOATS);
        FloatVector c30 = FloatVector.zero(FLOATS), c31 = FloatVector.zero(FLOATS);
        for (int p = 0; p < k; p += LANES) {
            FloatVector v0 = FloatVector.fromArray(FLOATS, x, x0 + p);
            FloatVector v1 = FloatVector.fromArray(FLOATS, x, x1 + p);
            FloatVector w0 = FloatVector.fromArray(FLOATS, w, p);
            c00 = w0.fma(v0, c00);
            c01 = w0.fma(v1, c01);
            FloatVector w1 = FloatVector.fromArray(FLOATS, w, wPitch + p);
            c10 = w1.fma(v0, c10);
            c11 = w1.fma(v1, c11);
            FloatVector w2 = FloatVector.fromArray(FLOATS, w, 2 * wPitch + p);
            c20 = w2.fma(v0, c20);
            c21 = w2.fma(v1, c21);
            FloatVector w3 = FloatVector.fromArray(FLOATS, w, 3 * wPitch + p);
            c30 = w3.fma(v0, c30);
            c31 = w3.fma(v1, c31);
        }
        c00.intoArray(lanes, 0);
        c01.intoArray(lanes, LANES);
        c10.intoArray(lanes, 2 * LANES);
        c11.intoArray(lanes, 3 * LANES);
        c20.intoArray(lanes, 4 * LANES);
        c21.intoArray(lanes, 5 * LANES);
        c30.intoArray(lanes, 6 * LANES);
        c31.intoArray(lanes, 7 * LANES);
        gather(lanes, sums);
    }

    /// [#dots] with rows of bfloat16 that are read where they lie, `pitch` bytes apart.
    static void dotsBF16(MemorySegment w, long base, long pitch, float[] x, int x0, int x1, int k, float[] lanes,
            float[] sums) {
        FloatVector c00 = FloatVector.zero(FLOATS), c01 = FloatVector.zero(FLOATS);
        FloatVector c10 = FloatVector.zero(FLOATS), c11 = FloatVector.zero(FLOATS);
        FloatVector c20 = FloatVector.zero(FLOATS), c21 = FloatVector.zero(FLOATS);
        FloatVector c30 = FloatVector.zero(FLOATS), c31 = FloatVector.zero(FLOATS);
        long at = base;
        for (int p = 0; p < k; p += LANES) {
            FloatVector v0 = FloatVector.fromArray(FLOATS, x, x0 + p);
            FloatVector v1 = FloatVector.fromArray(FLOATS, x, x1 + p);
            FloatVector w0 = GemmPack.widened(w, at);
            c00 = w0.fma(v0, c00);
            c01 = w0.fma(v1, c01);
            FloatVector w1 = GemmPack.widened(w, at + pitch);
            c10 = w1.fma(v0, c10);
            c11 = w1.fma(v1, c11);
            FloatVector w2 = GemmPack.widened(w, at + 2 * pitch);
            c20 = w2.fma(v0, c20);
            c21 = w2.fma(v1, c21);
            FloatVector w3 = GemmPack.widened(w, at + 3 * pitch);
            c30 = w3.fma(v0, c30);
            c31 = w3.fma(v1, c31);
            at += LANES * Short.BYTES;
        }
        c00.intoArray(lanes, 0);
        c01.intoArray(lanes, LANES);
        c10.intoArray(lanes, 2 * LANES);
        c11.intoArray(lanes, 3 * LANES);
        c20.intoArray(lanes, 4 * LANES);
        c21.intoArray(lanes, 5 * LANES);
        c30.intoArray(lanes, 6 * LANES);
        c31.intoArray(lanes, 7 * LANES);
        gather(lanes, sums);
    }

    /// Scalar products of up to eight rows of bfloat16, `pitch` bytes apart, with `x`: `sums[i] = w[i] · x`, where `i ≥ rows` has
    /// no meaning. Rows are read where they lie, one after another, which is the order that memory is fastest in.
    static void dotBF16(MemorySegment w, long base, long pitch, int rows, float[] x, int k, float[] lanes,
            float[] sums) {
        int whole = k & -(4 * LANES);
        for (int row = 0; row < rows; row++) {
            FloatVector a = FloatVector.zero(FLOATS), b = a, c = a, d = a;
            long at = base + row * pitch;
            int p = 0;
            for (; p < whole; p += 4 * LANES) {
                a = GemmPack.widened(w, at).fma(FloatVector.fromArray(FLOATS, x, p), a);
                b = GemmPack.widened(w, at + 2 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + LANES), b);
                c = GemmPack.widened(w, at + 4 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + 2 * LANES), c);
                d = GemmPack.widened(w, at + 6 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + 3 * LANES), d);
                at += 8 * LANES;
            }
            for (; p < k; p += LANES) {
                a = GemmPack.widened(w, at).fma(FloatVector.fromArray(FLOATS, x, p), a);
                at += 2 * LANES;
            }
            a.add(b).add(c.add(d)).intoArray(lanes, row * LANES);
        }
        gather(lanes, sums);
    }

    /// [#dotBF16] with rows of I8, whose scales are left to the caller.
    static void dotI8(MemorySegment w, long base, long pitch, int rows, float[] x, int k, float[] lanes, float[] sums) {
        int whole = k & -(4 * LANES);
        for (int row = 0; row < rows; row++) {
            FloatVector a = FloatVector.zero(FLOATS), b = a, c = a, d = a;
            long at = base + row * pitch;
            int p = 0;
            for (; p < whole; p += 4 * LANES) {
                a = GemmPack.bytes(w, at).fma(FloatVector.fromArray(FLOATS, x, p), a);
                b = GemmPack.bytes(w, at + LANES).fma(FloatVector.fromArray(FLOATS, x, p + LANES), b);
                c = GemmPack.bytes(w, at + 2 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + 2 * LANES), c);
                d = GemmPack.bytes(w, at + 3 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + 3 * LANES), d);
                at += 4 * LANES;
            }
            for (; p < k; p += LANES) {
                a = GemmPack.bytes(w, at).fma(FloatVector.fromArray(FLOATS, x, p), a);
                at += LANES;
            }
            a.add(b).add(c.add(d)).intoArray(lanes, row * LANES);
        }
        gather(lanes, sums);
    }

    /// [#dotBF16] with rows in single precision.
    static void dotF32(MemorySegment w, long base, long pitch, int rows, float[] x, int k, float[] lanes,
            float[] sums) {
        int whole = k & -(4 * LANES);
        for (int row = 0; row < rows; row++) {
            FloatVector a = FloatVector.zero(FLOATS), b = a, c = a, d = a;
            long at = base + row * pitch;
            int p = 0;
            for (; p < whole; p += 4 * LANES) {
                a = GemmPack.vector(w, at).fma(FloatVector.fromArray(FLOATS, x, p), a);
                b = GemmPack.vector(w, at + 4 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + LANES), b);
                c = GemmPack.vector(w, at + 8 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + 2 * LANES), c);
                d = GemmPack.vector(w, at + 12 * LANES).fma(FloatVector.fromArray(FLOATS, x, p + 3 * LANES), d);
                at += 16 * LANES;
            }
            for (; p < k; p += LANES) {
                a = GemmPack.vector(w, at).fma(FloatVector.fromArray(FLOATS, x, p), a);
                at += 4 * LANES;
            }
            a.add(b).add(c.add(d)).intoArray(lanes, row * LANES);
        }
        gather(lanes, sums);
    }

    /// The sums of the eight vectors in `lanes`. They are added in a fixed order, which `reduceLanes` does not promise: zipping
    /// two vectors and adding the results leaves half as many vectors of half-finished sums; three rounds leave one vector with
    /// the eight sums in order.
    private static void gather(float[] lanes, float[] sums) {
        IntVector i0 = FloatVector.fromArray(FLOATS, lanes, 0).reinterpretAsInts();
        IntVector i1 = FloatVector.fromArray(FLOATS, lanes, LANES).reinterpretAsInts();
        IntVector i2 = FloatVector.fromArray(FLOATS, lanes, 2 * LANES).reinterpretAsInts();
        IntVector i3 = FloatVector.fromArray(FLOATS, lanes, 3 * LANES).reinterpretAsInts();
        IntVector i4 = FloatVector.fromArray(FLOATS, lanes, 4 * LANES).reinterpretAsInts();
        IntVector i5 = FloatVector.fromArray(FLOATS, lanes, 5 * LANES).reinterpretAsInts();
        IntVector i6 = FloatVector.fromArray(FLOATS, lanes, 6 * LANES).reinterpretAsInts();
        IntVector i7 = FloatVector.fromArray(FLOATS, lanes, 7 * LANES).reinterpretAsInts();
        FloatVector s04 = LOW.selectFrom(i0, i4).reinterpretAsFloats()
                .add(HIGH.selectFrom(i0, i4).reinterpretAsFloats());
        FloatVector s15 = LOW.selectFrom(i1, i5).reinterpretAsFloats()
                .add(HIGH.selectFrom(i1, i5).reinterpretAsFloats());
        FloatVector s26 = LOW.selectFrom(i2, i6).reinterpretAsFloats()
                .add(HIGH.selectFrom(i2, i6).reinterpretAsFloats());
        FloatVector s37 = LOW.selectFrom(i3, i7).reinterpretAsFloats()
                .add(HIGH.selectFrom(i3, i7).reinterpretAsFloats());
        IntVector i04 = s04.reinterpretAsInts();
        IntVector i15 = s15.reinterpretAsInts();
        IntVector i26 = s26.reinterpretAsInts();
        IntVector i37 = s37.reinterpretAsInts();
        FloatVector even = LOW.selectFrom(i04, i26).reinterpretAsFloats()
                .add(HIGH.selectFrom(i04, i26).reinterpretAsFloats());
        FloatVector odd = LOW.selectFrom(i15, i37).reinterpretAsFloats()
                .add(HIGH.selectFrom(i15, i37).reinterpretAsFloats());
        IntVector evens = even.reinterpretAsInts();
        IntVector odds = odd.reinterpretAsInts();
        FloatVector low = LOW.selectFrom(evens, odds).reinterpretAsFloats();
        FloatVector high = HIGH.selectFrom(evens, odds).reinterpretAsFloats();
        if (LANES == 4) {
            low.intoArray(sums, 0);
            high.intoArray(sums, LANES);
            return;
        }
        low.add(high).intoArray(sums, 0);
        if (LANES == 16) {
            for (int i = 0; i < 8; i++) {
                sums[i] += sums[i + 8];
            }
        }
    }
}
