package dev.fenlei.engine.compute.cpu.x86;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/// A few arrays at made-up addresses. Between and around them there is nothing.
final class EmulatedMemory {

    private static final VarHandle INT32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle INT64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private record Region(String name, long address, byte[] bytes, boolean writable) {

        boolean holds(long place, int count) {
            long offset = place - address;
            return offset >= 0 && offset <= bytes.length - count;
        }

        int offset(long place) {
            return (int) (place - address);
        }
    }

    private final List<Region> regions = new ArrayList<>();

    /// Places an array that must not be written to.
    EmulatedMemory readOnly(String name, long address, byte[] bytes) {
        regions.add(new Region(name, address, bytes, false));
        return this;
    }

    /// Places an array that may be written to.
    EmulatedMemory writable(String name, long address, byte[] bytes) {
        regions.add(new Region(name, address, bytes, true));
        return this;
    }

    int int32(long address) {
        Region region = readable(address, Integer.BYTES);
        return (int) INT32.get(region.bytes, region.offset(address));
    }

    void int32(long address, int value) {
        Region region = writable(address, Integer.BYTES);
        INT32.set(region.bytes, region.offset(address), value);
    }

    long int64(long address) {
        Region region = readable(address, Long.BYTES);
        return (long) INT64.get(region.bytes, region.offset(address));
    }

    void int64(long address, long value) {
        Region region = writable(address, Long.BYTES);
        INT64.set(region.bytes, region.offset(address), value);
    }

    /// Words of 32 bits.
    int[] words(long address, int count) {
        Region region = readable(address, count * Integer.BYTES);
        int[] words = new int[count];
        for (int i = 0; i < count; i++) {
            words[i] = (int) INT32.get(region.bytes, region.offset(address) + i * Integer.BYTES);
        }
        return words;
    }

    void words(long address, int[] words) {
        Region region = writable(address, words.length * Integer.BYTES);
        for (int i = 0; i < words.length; i++) {
            INT32.set(region.bytes, region.offset(address) + i * Integer.BYTES, words[i]);
        }
    }

    byte[] bytes(long address, int count) {
        Region region = readable(address, count);
        byte[] bytes = new byte[count];
        System.arraycopy(region.bytes, region.offset(address), bytes, 0, count);
        return bytes;
    }

    private Region readable(long address, int count) {
        for (Region region : regions) {
            if (region.holds(address, count)) {
                return region;
            }
        }
        throw new EmulationFault("there are no " + count + " bytes at 0x" + Long.toHexString(address));
    }

    private Region writable(long address, int count) {
        Region region = readable(address, count);
        if (!region.writable) {
            throw new EmulationFault("writes to " + region.name);
        }
        return region;
    }
}
