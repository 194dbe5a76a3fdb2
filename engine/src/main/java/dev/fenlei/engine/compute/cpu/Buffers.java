package dev.fenlei.engine.compute.cpu;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Moves elements between tensors and buffers. Written with vectors, as the compiler does not vectorise loops over memory
/// that other threads may close.
final class Buffers {

    private Buffers() {}

    /// `values[i] = memory[i] · factor`
    static void load(MemorySegment memory, long base, float factor, float[] values, int offset, int length) {
        int i = 0;
        for (int end = Lanes.floor(length); i < end; i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, memory, base + 4L * i, Lanes.ORDER)
                    .mul(factor)
                    .intoArray(values, offset + i);
        }
        for (; i < length; i++) {
            values[offset + i] = memory.get(Lanes.FLOAT, base + 4L * i) * factor;
        }
    }

    /// `memory[i] = values[i] · factor`
    static void store(float[] values, int offset, float factor, MemorySegment memory, long base, int length) {
        int i = 0;
        for (int end = Lanes.floor(length); i < end; i += Lanes.COUNT) {
            FloatVector.fromArray(Lanes.FLOATS, values, offset + i)
                    .mul(factor)
                    .intoMemorySegment(memory, base + 4L * i, Lanes.ORDER);
        }
        for (; i < length; i++) {
            memory.set(Lanes.FLOAT, base + 4L * i, values[offset + i] * factor);
        }
    }

    /// `memory[i] += values[i]`
    static void addTo(MemorySegment memory, long base, float[] values, int offset, int length) {
        int i = 0;
        for (int end = Lanes.floor(length); i < end; i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, memory, base + 4L * i, Lanes.ORDER)
                    .add(FloatVector.fromArray(Lanes.FLOATS, values, offset + i))
                    .intoMemorySegment(memory, base + 4L * i, Lanes.ORDER);
        }
        for (; i < length; i++) {
            memory.set(Lanes.FLOAT, base + 4L * i, memory.get(Lanes.FLOAT, base + 4L * i) + values[offset + i]);
        }
    }

    /// `values[i] += memory[i]`
    static void addFrom(MemorySegment memory, long base, float[] values, int offset, int length) {
        int i = 0;
        for (int end = Lanes.floor(length); i < end; i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, memory, base + 4L * i, Lanes.ORDER)
                    .add(FloatVector.fromArray(Lanes.FLOATS, values, offset + i))
                    .intoArray(values, offset + i);
        }
        for (; i < length; i++) {
            values[offset + i] += memory.get(Lanes.FLOAT, base + 4L * i);
        }
    }

    /// `memory[i] *= factor`
    static void scale(MemorySegment memory, long base, float factor, int length) {
        int i = 0;
        for (int end = Lanes.floor(length); i < end; i += Lanes.COUNT) {
            FloatVector.fromMemorySegment(Lanes.FLOATS, memory, base + 4L * i, Lanes.ORDER)
                    .mul(factor)
                    .intoMemorySegment(memory, base + 4L * i, Lanes.ORDER);
        }
        for (; i < length; i++) {
            memory.set(Lanes.FLOAT, base + 4L * i, memory.get(Lanes.FLOAT, base + 4L * i) * factor);
        }
    }
}
