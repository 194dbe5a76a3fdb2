package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.tensor.BFloat16;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Moving, converting and adding whole rows.
final class CpuRows {

    /// Rows whose sums form one partial result; fixed, so that sums do not depend on the number of threads.
    static final int CHUNK = 64;

    /// Columns of one task where rows must be taken in order.
    private static final int STRIPE = 128;

    private final WorkerPool pool;

    CpuRows(WorkerPool pool) {
        this.pool = pool;
    }

    void addBias(Tensor y, Tensor bias) {
        int columns = y.columns();
        float[] b = vector(bias);
        MemorySegment memory = y.memory();
        pool.parallel(chunks(y.rows()), chunk -> {
            for (int row = chunk * CHUNK; row < Math.min(y.rows(), (chunk + 1) * CHUNK); row++) {
                Buffers.addTo(memory, Spans.bytes(y, row, 0), b, 0, columns);
            }
        });
    }

    void biasBackward(Tensor dy, Tensor dBias) {
        int columns = dy.columns();
        MemorySegment memory = dy.memory();
        float[] partials = partials(dy.rows(), columns);
        pool.parallel(chunks(dy.rows()), chunk -> {
            int start = chunk * columns;
            for (int row = chunk * CHUNK; row < Math.min(dy.rows(), (chunk + 1) * CHUNK); row++) {
                Buffers.addFrom(memory, Spans.bytes(dy, row, 0), partials, start, columns);
            }
        });
        addPartials(partials, dy.rows(), dBias);
    }

    void gather(Tensor table, int[] ids, Tensor out) {
        int rowsPerTask = Math.max(1, Spans.LENGTH / Math.max(1, out.columns()));
        pool.parallel((ids.length + rowsPerTask - 1) / rowsPerTask, task -> {
            for (int i = task * rowsPerTask; i < Math.min(ids.length, (task + 1) * rowsPerTask); i++) {
                convertRow(table, ids[i], out, i);
            }
        });
    }

    void scatterAdd(Tensor rows, int[] ids, Tensor table) {
        int columns = table.columns();
        MemorySegment from = rows.memory();
        MemorySegment to = table.memory();
        pool.parallel((columns + STRIPE - 1) / STRIPE, stripe -> {
            int first = stripe * STRIPE;
            int length = Math.min(STRIPE, columns - first);
            for (int r = 0; r < ids.length; r++) {
                long fi = Spans.bytes(rows, r, first);
                long ti = Spans.bytes(table, ids[r], first);
                for (int i = 0; i < length; i++) {
                    float sum = to.get(Lanes.FLOAT, ti + 4L * i) + from.get(Lanes.FLOAT, fi + 4L * i);
                    to.set(Lanes.FLOAT, ti + 4L * i, sum);
                }
            }
        });
    }

    void copy(Tensor from, Tensor to) {
        if (to.dtype() == DType.I8) {
            pool.parallel(from.rows(), row -> quantise(from, to, row));
        } else if (from.dtype() == DType.I8) {
            pool.parallel(from.rows(), row -> convertRow(from, row, to, row));
        } else {
            Spans.of(from, to).run(pool, (_, row, column, length) -> convert(
                    from, Spans.bytes(from, row, column), 1, to, Spans.bytes(to, row, column), length));
        }
    }

    private static void quantise(Tensor from, Tensor to, int row) {
        int columns = from.columns();
        float[] values = Scratch.current().floats(Scratch.Slot.SPAN, GemmPack.roundUp(columns));
        GemmPack.copy(from, row, 0, 1, columns, values, 0, 0);
        to.row(row).copyFrom(values);
    }

    /// The elements of a `1 × n` tensor of any type, in the caller's scratch.
    static float[] vector(Tensor tensor) {
        float[] values = Scratch.current().floats(Scratch.Slot.SHARED_VECTOR, tensor.columns());
        for (int i = 0; i < tensor.columns(); i++) {
            values[i] = tensor.get(0, i);
        }
        return values;
    }

    static int chunks(int rows) {
        return (rows + CHUNK - 1) / CHUNK;
    }

    /// Zeroed room for a vector of partial sums per chunk of rows, in the caller's scratch.
    static float[] partials(int rows, int columns) {
        int length = Math.multiplyExact(chunks(rows), columns);
        float[] partials = Scratch.current().floats(Scratch.Slot.SHARED_PARTIALS, length);
        Arrays.fill(partials, 0, length, 0);
        return partials;
    }

    /// Adds the partial sums to a `1 × n` tensor, chunk by chunk.
    static void addPartials(float[] partials, int rows, Tensor sum) {
        int columns = sum.columns();
        for (int i = 0; i < columns; i++) {
            float total = 0;
            for (int chunk = 0; chunk < chunks(rows); chunk++) {
                total += partials[chunk * columns + i];
            }
            sum.set(0, i, sum.get(0, i) + total);
        }
    }

    private static void convertRow(Tensor from, int row, Tensor to, int target) {
        convert(
                from, Spans.bytes(from, row, 0), from.scale(row), to, Spans.bytes(to, target, 0), from.columns());
    }

    /// @param scale of the row that is read, for I8
    private static void convert(Tensor from, long fromByte, float scale, Tensor to, long toByte, int length) {
        MemorySegment source = from.memory();
        MemorySegment target = to.memory();
        if (from.dtype() == to.dtype()) {
            MemorySegment.copy(source, fromByte, target, toByte, (long) length * from.dtype().bytes());
        } else if (from.dtype() == DType.BF16 && to.dtype() == DType.F32) {
            for (int i = 0; i < length; i++) {
                int bits = source.get(Lanes.SHORT, fromByte + 2L * i) << 16;
                target.set(Lanes.FLOAT, toByte + 4L * i, Float.intBitsToFloat(bits));
            }
        } else if (from.dtype() == DType.I8 && to.dtype() == DType.F32) {
            for (int i = 0; i < length; i++) {
                target.set(Lanes.FLOAT, toByte + 4L * i, source.get(ValueLayout.JAVA_BYTE, fromByte + i) * scale);
            }
        } else {
            for (int i = 0; i < length; i++) {
                write(target, to.dtype(), toByte, i, read(source, from.dtype(), fromByte, i, scale));
            }
        }
    }

    private static float read(MemorySegment memory, DType dtype, long base, int i, float scale) {
        return switch (dtype) {
            case F32 -> memory.get(Lanes.FLOAT, base + 4L * i);
            case F16 -> Float.float16ToFloat(memory.get(Lanes.SHORT, base + 2L * i));
            case BF16 -> BFloat16.toFloat(memory.get(Lanes.SHORT, base + 2L * i));
            case I8 -> memory.get(ValueLayout.JAVA_BYTE, base + i) * scale;
        };
    }

    private static void write(MemorySegment memory, DType dtype, long base, int i, float value) {
        switch (dtype) {
            case F32 -> memory.set(Lanes.FLOAT, base + 4L * i, value);
            case F16 -> memory.set(Lanes.SHORT, base + 2L * i, Float.floatToFloat16(value));
            case BF16 -> memory.set(Lanes.SHORT, base + 2L * i, BFloat16.fromFloat(value));
            case I8 -> throw new IllegalArgumentException("rows of I8 are written as a whole");
        }
    }
}
