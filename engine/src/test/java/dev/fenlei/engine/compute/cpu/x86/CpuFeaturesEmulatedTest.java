package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;

/// Proves the routines that ask the processor, on any processor.
class CpuFeaturesEmulatedTest {

    private static final long REGISTERS = 0x1000_0000_0001L;

    /// A C function's arguments of 32 bits may have anything above.
    private static final long ABOVE = 0xDEAD_BEEF_0000_0000L;

    @Test
    void cpuidStoresTheFourRegisters() {
        ByteBuffer registers = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        EmulatedMemory memory = new EmulatedMemory().writable("the registers", REGISTERS, registers.array());
        new Emulator(CpuFeatures.cpuidCode(), memory)
                .processor((leaf, subleaf) -> new int[] {leaf, -2, 0x8000_0003, subleaf}, 0)
                .call(ABOVE + 7, ABOVE + 1, REGISTERS);
        assertThat(registers.asIntBuffer()).isEqualTo(
                ByteBuffer.allocate(16).asIntBuffer().put(new int[] {7, -2, 0x8000_0003, 1}).flip());
    }

    @Test
    void xgetbvJoinsTheTwoHalves() {
        long state = 0x8765_4321_9ABC_DEF0L;
        long result = new Emulator(CpuFeatures.xgetbvCode(), new EmulatedMemory())
                .processor((leaf, subleaf) -> new int[4], state).call();
        assertThat(result).isEqualTo(state);
    }
}
