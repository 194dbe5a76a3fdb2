package dev.fenlei.engine.tensor;

import java.lang.foreign.MemorySegment;

/// Something that computes in memory of its own, which the host reaches only by copies. The segments of such memory stand for
/// addresses on the device: the host cannot read or write them.
public interface Device {

    /// Copies a tensor of this device to host memory, its elements in row order without gaps, and waits until they are there.
    void read(Tensor from, MemorySegment to);

    /// Copies elements in row order from host memory to a tensor of this device. When it returns, `from` may be overwritten.
    void write(MemorySegment from, Tensor to);
}
