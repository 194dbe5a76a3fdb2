package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.tensor.BFloat16;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Proves the machine code that rounds to bfloat16 on any processor.
class ConvertKernelEmulatedTest {

    private static final long FROM = 0x1000_0000_0001L;
    private static final long TO = 0x2000_0000_0003L;

    /// What is rounded away: nothing, little, almost half, half, more than half, almost a unit.
    private static final int[] LOWER_HALVES = {0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF};

    /// Every bfloat16 with each of the lower halves.
    private static int[] numbers() {
        int[] numbers = new int[LOWER_HALVES.length << 16];
        Arrays.setAll(numbers, i -> i / LOWER_HALVES.length << 16 | LOWER_HALVES[i % LOWER_HALVES.length]);
        return numbers;
    }

    private static short[] emulated(int[] numbers) {
        return emulated(ConvertKernel.code(), numbers);
    }

    private static short[] emulated(byte[] code, int[] numbers) {
        ByteBuffer from = ByteBuffer.allocate(numbers.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        from.asIntBuffer().put(numbers);
        ByteBuffer to = ByteBuffer.allocate(numbers.length * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        EmulatedMemory memory = new EmulatedMemory().readOnly("the numbers", FROM, from.array())
                .writable("the result", TO, to.array());
        new Emulator(code, memory).maxSteps(10 * numbers.length).call(FROM, TO, numbers.length / ConvertKernel.UNIT);
        short[] result = new short[numbers.length];
        to.asShortBuffer().get(result);
        return result;
    }

    @Test
    void roundsEveryNumber() {
        int[] numbers = numbers();
        short[] expected = new short[numbers.length];
        for (int i = 0; i < numbers.length; i++) {
            float number = Float.intBitsToFloat(numbers[i]);
            boolean subnormal = Math.abs(number) < Float.MIN_NORMAL;
            expected[i] = BFloat16.fromFloat(subnormal ? Math.copySign(0f, number) : number);
        }
        assertThat(emulated(numbers)).isEqualTo(expected);
    }

    @Test
    void convertsAsManyAsItIsTold() {
        for (int units = 1; units <= 3; units++) {
            int[] numbers = new int[units * ConvertKernel.UNIT];
            short[] expected = new short[numbers.length];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = Float.floatToRawIntBits(i);
                expected[i] = BFloat16.fromFloat(i);
            }
            assertThat(emulated(numbers)).isEqualTo(expected);
        }
    }

    @Test
    void everyBitCounts() {
        int[] numbers = new int[2 * ConvertKernel.UNIT];
        Arrays.setAll(numbers, i -> Float.floatToRawIntBits(i * 1.001f));
        short[] expected = emulated(numbers);
        byte[] code = ConvertKernel.code();
        for (int bit = 0; bit < 8 * code.length; bit++) {
            code[bit / 8] ^= (byte) (1 << bit % 8);
            try {
                assertThat(emulated(code, numbers)).as("with bit " + bit + " flipped").isNotEqualTo(expected);
            } catch (EmulationFault e) {
                assertThat(e).hasMessageStartingWith("at 0x");
            }
            code[bit / 8] ^= (byte) (1 << bit % 8);
        }
    }

    @Test
    void theProcessorAgreesBitForBit() {
        ConvertKernel kernel;
        try {
            kernel = Bf16Rung.select("avx512").convert();
        } catch (UnavailableException e) {
            Assumptions.abort("not this processor: " + e.reason());
            throw new AssertionError(e);
        }
        int[] numbers = numbers();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment from = arena.allocate(numbers.length * 4L, 64);
            from.copyFrom(MemorySegment.ofArray(numbers));
            MemorySegment to = arena.allocate(numbers.length * 2L, 64);
            kernel.convert(from.address(), to.address(), numbers.length / ConvertKernel.UNIT);
            assertThat(emulated(numbers)).isEqualTo(to.toArray(ValueLayout.JAVA_SHORT));
        }
    }
}
