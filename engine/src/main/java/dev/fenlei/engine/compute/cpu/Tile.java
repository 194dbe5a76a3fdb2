package dev.fenlei.engine.compute.cpu;

import jdk.incubator.vector.FloatVector;

/// Small matrix products on buffers, the inside of attention: `c = a·b` or `c += a·b`.
///
/// `b` and `c` come in *panels* of one vector of columns. Element `(k, n)` of `b` lies at
/// `b.offset + (n / V)·b.panel + k·b.row + n % V`, so that transposed keys packed panel by panel (`row` V, `panel` depth·V)
/// and plain rows (`row` the row length, `panel` V) are both read with whole vectors. Elements of `a` are broadcast, so `a` may
/// have any strides, transposed ones too.
///
/// Rows are computed four or, on vectors of 512 bits, eight at a time: buffers behind `a` and `c` must have room for
/// [#ceilRows] rows.
final class Tile {

    private static final boolean EIGHT = Lanes.COUNT == 16;

    private static final int ROWS = EIGHT ? 8 : 4;

    private Tile() {}

    /// The smallest number of rows that is a multiple of the tile's and not below `n`.
    static int ceilRows(int n) {
        return (n + ROWS - 1) & -ROWS;
    }

    /// A matrix in a buffer, its element `(i, j)` at `offset + i·row + j·column`; see [Tile] for what `column` is in panels.
    record View(float[] values, int offset, int row, int column) {}

    /// Multiplies a `rows × depth` matrix with one of `depth × (panels·V)`.
    static void multiply(View a, View b, View c, int rows, int depth, int panels, boolean accumulate) {
        int panel = 0;
        for (; panel + 1 < panels; panel += 2) {
            int i = 0;
            for (; EIGHT && i + 4 < rows; i += 8) {
                eightByTwo(
                        a.values, a.offset + i * a.row, a.row, a.column,
                        b.values, b.offset + panel * b.column, b.row, b.column,
                        c.values, c.offset + i * c.row + panel * c.column, c.row, c.column,
                        depth, accumulate);
            }
            for (; i < rows; i += 4) {
                fourByTwo(
                        a.values, a.offset + i * a.row, a.row, a.column,
                        b.values, b.offset + panel * b.column, b.row, b.column,
                        c.values, c.offset + i * c.row + panel * c.column, c.row, c.column,
                        depth, accumulate);
            }
        }
        if (panel < panels) {
            for (int i = 0; i < rows; i += 4) {
                fourByOne(
                        a.values, a.offset + i * a.row, a.row, a.column,
                        b.values, b.offset + panel * b.column, b.row,
                        c.values, c.offset + i * c.row + panel * c.column, c.row,
                        depth, accumulate);
            }
        }
    }

    private static void fourByTwo(
            float[] a, int aOffset, int aRow, int aColumn,
            float[] b, int bOffset, int bRow, int bPanel,
            float[] c, int cOffset, int cRow, int cPanel,
            int depth, boolean accumulate) {
        FloatVector c00 = FloatVector.zero(Lanes.FLOATS);
        FloatVector c01 = c00;
        FloatVector c10 = c00;
        FloatVector c11 = c00;
        FloatVector c20 = c00;
        FloatVector c21 = c00;
        FloatVector c30 = c00;
        FloatVector c31 = c00;
        int c1 = cOffset + cRow;
        int c2 = c1 + cRow;
        int c3 = c2 + cRow;
        if (accumulate) {
            c00 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset);
            c01 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset + cPanel);
            c10 = FloatVector.fromArray(Lanes.FLOATS, c, c1);
            c11 = FloatVector.fromArray(Lanes.FLOATS, c, c1 + cPanel);
            c20 = FloatVector.fromArray(Lanes.FLOATS, c, c2);
            c21 = FloatVector.fromArray(Lanes.FLOATS, c, c2 + cPanel);
            c30 = FloatVector.fromArray(Lanes.FLOATS, c, c3);
            c31 = FloatVector.fromArray(Lanes.FLOATS, c, c3 + cPanel);
        }
        int ai = aOffset;
        int bi = bOffset;
        for (int k = 0; k < depth; k++) {
            FloatVector b0 = FloatVector.fromArray(Lanes.FLOATS, b, bi);
            FloatVector b1 = FloatVector.fromArray(Lanes.FLOATS, b, bi + bPanel);
            FloatVector a0 = FloatVector.broadcast(Lanes.FLOATS, a[ai]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(Lanes.FLOATS, a[ai + aRow]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 2 * aRow]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 3 * aRow]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            ai += aColumn;
            bi += bRow;
        }
        c00.intoArray(c, cOffset);
        c01.intoArray(c, cOffset + cPanel);
        c10.intoArray(c, c1);
        c11.intoArray(c, c1 + cPanel);
        c20.intoArray(c, c2);
        c21.intoArray(c, c2 + cPanel);
        c30.intoArray(c, c3);
        c31.intoArray(c, c3 + cPanel);
    }

    /// For 32 registers; see [GemmKernel#MR].
    private static void eightByTwo(
            float[] a, int aOffset, int aRow, int aColumn,
            float[] b, int bOffset, int bRow, int bPanel,
            float[] c, int cOffset, int cRow, int cPanel,
            int depth, boolean accumulate) {
        FloatVector c00 = FloatVector.zero(Lanes.FLOATS);
        FloatVector c01 = c00;
        FloatVector c10 = c00;
        FloatVector c11 = c00;
        FloatVector c20 = c00;
        FloatVector c21 = c00;
        FloatVector c30 = c00;
        FloatVector c31 = c00;
        FloatVector c40 = c00;
        FloatVector c41 = c00;
        FloatVector c50 = c00;
        FloatVector c51 = c00;
        FloatVector c60 = c00;
        FloatVector c61 = c00;
        FloatVector c70 = c00;
        FloatVector c71 = c00;
        int c1 = cOffset + cRow;
        int c2 = c1 + cRow;
        int c3 = c2 + cRow;
        int c4 = c3 + cRow;
        int c5 = c4 + cRow;
        int c6 = c5 + cRow;
        int c7 = c6 + cRow;
        if (accumulate) {
            c00 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset);
            c01 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset + cPanel);
            c10 = FloatVector.fromArray(Lanes.FLOATS, c, c1);
            c11 = FloatVector.fromArray(Lanes.FLOATS, c, c1 + cPanel);
            c20 = FloatVector.fromArray(Lanes.FLOATS, c, c2);
            c21 = FloatVector.fromArray(Lanes.FLOATS, c, c2 + cPanel);
            c30 = FloatVector.fromArray(Lanes.FLOATS, c, c3);
            c31 = FloatVector.fromArray(Lanes.FLOATS, c, c3 + cPanel);
            c40 = FloatVector.fromArray(Lanes.FLOATS, c, c4);
            c41 = FloatVector.fromArray(Lanes.FLOATS, c, c4 + cPanel);
            c50 = FloatVector.fromArray(Lanes.FLOATS, c, c5);
            c51 = FloatVector.fromArray(Lanes.FLOATS, c, c5 + cPanel);
            c60 = FloatVector.fromArray(Lanes.FLOATS, c, c6);
            c61 = FloatVector.fromArray(Lanes.FLOATS, c, c6 + cPanel);
            c70 = FloatVector.fromArray(Lanes.FLOATS, c, c7);
            c71 = FloatVector.fromArray(Lanes.FLOATS, c, c7 + cPanel);
        }
        int ai = aOffset;
        int bi = bOffset;
        for (int k = 0; k < depth; k++) {
            FloatVector b0 = FloatVector.fromArray(Lanes.FLOATS, b, bi);
            FloatVector b1 = FloatVector.fromArray(Lanes.FLOATS, b, bi + bPanel);
            FloatVector a0 = FloatVector.broadcast(Lanes.FLOATS, a[ai]);
            c00 = a0.fma(b0, c00);
            c01 = a0.fma(b1, c01);
            FloatVector a1 = FloatVector.broadcast(Lanes.FLOATS, a[ai + aRow]);
            c10 = a1.fma(b0, c10);
            c11 = a1.fma(b1, c11);
            FloatVector a2 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 2 * aRow]);
            c20 = a2.fma(b0, c20);
            c21 = a2.fma(b1, c21);
            FloatVector a3 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 3 * aRow]);
            c30 = a3.fma(b0, c30);
            c31 = a3.fma(b1, c31);
            FloatVector a4 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 4 * aRow]);
            c40 = a4.fma(b0, c40);
            c41 = a4.fma(b1, c41);
            FloatVector a5 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 5 * aRow]);
            c50 = a5.fma(b0, c50);
            c51 = a5.fma(b1, c51);
            FloatVector a6 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 6 * aRow]);
            c60 = a6.fma(b0, c60);
            c61 = a6.fma(b1, c61);
            FloatVector a7 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 7 * aRow]);
            c70 = a7.fma(b0, c70);
            c71 = a7.fma(b1, c71);
            ai += aColumn;
            bi += bRow;
        }
        c00.intoArray(c, cOffset);
        c01.intoArray(c, cOffset + cPanel);
        c10.intoArray(c, c1);
        c11.intoArray(c, c1 + cPanel);
        c20.intoArray(c, c2);
        c21.intoArray(c, c2 + cPanel);
        c30.intoArray(c, c3);
        c31.intoArray(c, c3 + cPanel);
        c40.intoArray(c, c4);
        c41.intoArray(c, c4 + cPanel);
        c50.intoArray(c, c5);
        c51.intoArray(c, c5 + cPanel);
        c60.intoArray(c, c6);
        c61.intoArray(c, c6 + cPanel);
        c70.intoArray(c, c7);
        c71.intoArray(c, c7 + cPanel);
    }

    private static void fourByOne(
            float[] a, int aOffset, int aRow, int aColumn,
            float[] b, int bOffset, int bRow,
            float[] c, int cOffset, int cRow,
            int depth, boolean accumulate) {
        FloatVector c0 = FloatVector.zero(Lanes.FLOATS);
        FloatVector c1 = c0;
        FloatVector c2 = c0;
        FloatVector c3 = c0;
        if (accumulate) {
            c0 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset);
            c1 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset + cRow);
            c2 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset + 2 * cRow);
            c3 = FloatVector.fromArray(Lanes.FLOATS, c, cOffset + 3 * cRow);
        }
        int ai = aOffset;
        int bi = bOffset;
        for (int k = 0; k < depth; k++) {
            FloatVector row = FloatVector.fromArray(Lanes.FLOATS, b, bi);
            c0 = FloatVector.broadcast(Lanes.FLOATS, a[ai]).fma(row, c0);
            c1 = FloatVector.broadcast(Lanes.FLOATS, a[ai + aRow]).fma(row, c1);
            c2 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 2 * aRow]).fma(row, c2);
            c3 = FloatVector.broadcast(Lanes.FLOATS, a[ai + 3 * aRow]).fma(row, c3);
            ai += aColumn;
            bi += bRow;
        }
        c0.intoArray(c, cOffset);
        c1.intoArray(c, cOffset + cRow);
        c2.intoArray(c, cOffset + 2 * cRow);
        c3.intoArray(c, cOffset + 3 * cRow);
    }
}
