package dev.fenlei.engine.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/// A row-major matrix in memory: `rows × columns` elements, consecutive rows `stride` elements apart.
///
/// Everything the transformer needs is a matrix or a vector (a vector is one row). A tensor does not own its memory: the
/// [Workspace], a backend or a mapped file does, and a tensor must not be used after its owner is closed.
/// Slices share memory with the tensor they were taken from.
///
/// Most tensors lie in host memory. Those that lie in a [Device]'s are copied by every method that shows elements to the host
/// or takes some from it, so that such a method also waits for the device.
///
/// @param memory the native memory that holds the elements, starting at the first one
/// @param dtype the element type
/// @param rows the number of rows
/// @param columns the number of elements in a row
/// @param stride the distance between the starts of consecutive rows, in elements; at least `columns`
/// @param scales rows × 1, what the elements of each row are to be multiplied by: for I8, and only there
/// @param device in whose memory the elements lie; null for the host's
public record Tensor(
        MemorySegment memory, DType dtype, int rows, int columns, int stride, @Nullable Tensor scales,
        @Nullable Device device) {

    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

    public Tensor {
        if (rows < 0 || columns < 0 || stride < columns) {
            throw new IllegalArgumentException(
                    "impossible shape: " + rows + " x " + columns + " with stride " + stride);
        }
        if (rows > 0 && columns > 0) {
            long needed = Math.multiplyExact((long) (rows - 1) * stride + columns, (long) dtype.bytes());
            if (memory.byteSize() < needed) {
                throw new IllegalArgumentException(
                        rows + " x " + columns + " " + dtype + " needs " + needed + " bytes, the memory has "
                                + memory.byteSize());
            }
        }
        if ((scales != null) != (dtype == DType.I8) || scales != null && (scales.rows != rows || scales.columns != 1)) {
            throw new IllegalArgumentException(
                    rows + " x " + columns + " " + dtype + " cannot have the scales " + scales);
        }
    }

    /// A tensor in host memory, of a type without scales.
    public Tensor(MemorySegment memory, DType dtype, int rows, int columns, int stride) {
        this(memory, dtype, rows, columns, stride, null, null);
    }

    /// A tensor in host memory whose rows follow one another without gaps.
    public static Tensor of(MemorySegment memory, DType dtype, int rows, int columns) {
        return new Tensor(memory, dtype, rows, columns, columns);
    }

    /// An I8 tensor whose rows follow one another without gaps.
    ///
    /// @param scales rows × 1, any type but I8; where they lie, the elements do
    public static Tensor int8(MemorySegment memory, int rows, int columns, Tensor scales) {
        return new Tensor(memory, DType.I8, rows, columns, columns, scales, scales.device);
    }

    /// What the elements of a row are to be multiplied by: 1 without scales.
    public float scale(int row) {
        return scales == null ? 1 : scales.get(row, 0);
    }

    /// The number of elements.
    public long size() {
        return (long) rows * columns;
    }

    /// The number of bytes of all elements, without gaps between rows.
    public long byteSize() {
        return size() * dtype.bytes();
    }

    /// Whether rows follow one another without gaps.
    public boolean isContiguous() {
        return stride == columns || rows <= 1;
    }

    /// The address of the first element.
    public long address() {
        return memory.address();
    }

    /// Rows `from` (inclusive) to `to` (exclusive).
    public Tensor rows(int from, int to) {
        checkRange(from, to, rows, "rows");
        if (from == to) {
            return new Tensor(
                    MemorySegment.NULL, dtype, 0, columns, stride, scales == null ? null : scales.rows(0, 0), device);
        }
        return new Tensor(
                memory.asSlice((long) from * stride * dtype.bytes()), dtype, to - from, columns, stride,
                scales == null ? null : scales.rows(from, to), device);
    }

    /// One row as a `1 × columns` tensor.
    public Tensor row(int row) {
        return rows(row, row + 1);
    }

    /// Columns `from` (inclusive) to `to` (exclusive) of every row.
    public Tensor columns(int from, int to) {
        checkRange(from, to, columns, "columns");
        if (rows == 0 || from == to) {
            return new Tensor(MemorySegment.NULL, dtype, rows, to - from, stride, scales, device);
        }
        return new Tensor(
                memory.asSlice((long) from * dtype.bytes()), dtype, rows, to - from, stride, scales, device);
    }

    /// The same elements under another shape. Needs a contiguous tensor without scales and an equal number of elements.
    public Tensor reshape(int newRows, int newColumns) {
        if (scales != null || !isContiguous() || (long) newRows * newColumns != size()) {
            throw new IllegalArgumentException("cannot reshape " + this + " to " + newRows + " x " + newColumns);
        }
        return new Tensor(memory, dtype, newRows, newColumns, newColumns, null, device);
    }

    /// The same elements in host memory: this tensor if it lies there, else a copy without gaps.
    ///
    /// @param allocator of the copy's memory
    public Tensor onHost(SegmentAllocator allocator) {
        if (device == null) {
            return this;
        }
        Tensor copy = likeThis(allocator, scales == null ? null : scales.onHost(allocator));
        device.read(this, copy.memory);
        return copy;
    }

    /// A tensor of the same type and shape in host memory.
    private Tensor likeThis(SegmentAllocator allocator, @Nullable Tensor itsScales) {
        return new Tensor(
                allocator.allocate(byteSize(), Long.BYTES), dtype, rows, columns, columns, itsScales, null);
    }

    /// One element, widened to single precision. For tests, reports and small work on the host.
    public float get(int row, int column) {
        if (device != null) {
            return row(row).columns(column, column + 1).toArray()[0];
        }
        long index = (long) row * stride + column;
        return switch (dtype) {
            case F32 -> memory.get(FLOAT, index * 4);
            case F16 -> Float.float16ToFloat(memory.get(SHORT, index * 2));
            case BF16 -> BFloat16.toFloat(memory.get(SHORT, index * 2));
            case I8 -> memory.get(ValueLayout.JAVA_BYTE, index) * scale(row);
        };
    }

    /// Stores one element, rounded to nearest even where the type is narrower; for I8 by the scale that the row has.
    public void set(int row, int column, float value) {
        if (device != null) {
            if (scales != null) {
                throw new UnsupportedOperationException("rows of I8 on a device are stored as a whole");
            }
            row(row).columns(column, column + 1).copyFrom(new float[] {value});
            return;
        }
        long index = (long) row * stride + column;
        switch (dtype) {
            case F32 -> memory.set(FLOAT, index * 4, value);
            case F16 -> memory.set(SHORT, index * 2, Float.floatToFloat16(value));
            case BF16 -> memory.set(SHORT, index * 2, BFloat16.fromFloat(value));
            case I8 -> memory.set(ValueLayout.JAVA_BYTE, index, Int8.quantise(value, scale(row)));
        }
    }

    /// All elements in row order, widened to single precision.
    public float[] toArray() {
        if (device != null) {
            try (Arena arena = Arena.ofConfined()) {
                return onHost(arena).toArray();
            }
        }
        float[] values = new float[Math.toIntExact(size())];
        for (int r = 0, i = 0; r < rows; r++) {
            if (dtype == DType.F32) {
                MemorySegment.copy(memory, FLOAT, (long) r * stride * 4, values, i, columns);
                i += columns;
            } else {
                for (int c = 0; c < columns; c++) {
                    values[i++] = get(r, c);
                }
            }
        }
        return values;
    }

    /// Stores all elements in row order, rounded where the type is narrower; for I8 by scales that suit each row.
    ///
    /// @param values as many as there are elements, or more
    public void copyFrom(float[] values) {
        if (values.length < size()) {
            throw new IllegalArgumentException(values.length + " values for " + this);
        }
        if (device != null) {
            try (Arena arena = Arena.ofConfined()) {
                Tensor copy = likeThis(arena, scales == null ? null : scales.likeThis(arena, null));
                copy.copyFrom(values);
                device.write(copy.memory, this);
                if (scales != null && copy.scales != null) {
                    scales.copyFrom(copy.scales.toArray());
                }
            }
            return;
        }
        for (int r = 0, i = 0; r < rows; r++) {
            if (dtype == DType.F32) {
                MemorySegment.copy(values, i, memory, FLOAT, (long) r * stride * 4, columns);
                i += columns;
            } else if (scales != null) {
                byte[] row = new byte[columns];
                scales.set(r, 0, Int8.quantise(values, i, columns, row));
                MemorySegment.copy(row, 0, memory, ValueLayout.JAVA_BYTE, (long) r * stride, columns);
                i += columns;
            } else {
                for (int c = 0; c < columns; c++) {
                    set(r, c, values[i++]);
                }
            }
        }
    }

    private static void checkRange(int from, int to, int limit, String what) {
        if (from < 0 || to < from || to > limit) {
            throw new IndexOutOfBoundsException(what + " " + from + " to " + to + " of " + limit);
        }
    }

    @Override
    public String toString() {
        return dtype + "[" + rows + " x " + columns + (isContiguous() ? "]" : ", stride " + stride + "]");
    }
}
