package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.cpu.x86.Instruction.Operation;
import dev.fenlei.engine.compute.cpu.x86.Operand.Immediate;
import dev.fenlei.engine.compute.cpu.x86.TileKernelEmulatedTest.Kernel;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/// Proves that the emulator would notice if the kernels were wrong: by breaking them.
class KernelFaultsTest {

    /// Two rounds of each of the kernel's loops.
    private static TileProblem problem(Kernel kernel, boolean accumulating) {
        SplittableRandom random = new SplittableRandom(6);
        return new TileProblem(
                kernel.rows, 2 * kernel.depthUnit, 64, 2, accumulating, () -> random.nextInt(-40, 41));
    }

    private static boolean right(TileProblem problem, byte[] code, float[] reference) {
        try {
            return Arrays.equals(problem.emulated(code), reference);
        } catch (EmulationFault e) {
            return false;
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyBitCounts(Kernel kernel) {
        for (boolean accumulating : new boolean[] {false, true}) {
            TileProblem problem = problem(kernel, accumulating);
            float[] reference = problem.reference();
            byte[] code = kernel.code(accumulating);
            assertThat(right(problem, code, reference)).isTrue();
            for (int bit = 0; bit < 8 * code.length; bit++) {
                code[bit / 8] ^= (byte) (1 << bit % 8);
                if (right(problem, code, reference)) {
                    throw new AssertionError(problem + ": nobody noticed that bit " + bit + " was flipped");
                }
                code[bit / 8] ^= (byte) (1 << bit % 8);
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void everyInstructionCounts(Kernel kernel) {
        for (boolean accumulating : new boolean[] {false, true}) {
            TileProblem problem = problem(kernel, accumulating);
            float[] reference = problem.reference();
            byte[] code = kernel.code(accumulating);
            for (Instruction instruction : Decoder.decode(code)) {
                assertThat(right(problem, without(code, instruction), reference))
                        .as(problem + " without " + instruction.text()).isFalse();
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            textBlock = """
                    AVX512 | VZEROUPPER  | ret: vzeroupper is missing
                    AVX512 | PUSH        | ret: there are no 8 bytes at
                    AVX512 | POP         | ret: the stack is not as it was
                    AVX512 | RET         | the code ends here
                    AMX    | LDTILECFG   | tilezero tmm0: there is no tile configuration
                    AMX    | TILERELEASE | ret: tilerelease is missing
                    """)
    void namesWhatIsMissing(Kernel kernel, Operation missing, String message) {
        byte[] code = kernel.code(false);
        Instruction instruction = Decoder.decode(code).stream().filter(i -> i.operation() == missing).findFirst()
                .orElseThrow();
        byte[] without = without(code, instruction);
        assertThatThrownBy(() -> problem(kernel, false).emulated(without)).isInstanceOf(EmulationFault.class)
                .hasMessageContaining(message);
    }

    /// A pair of push and pop keeps the stack right, but not the register.
    @Test
    void namesTheRegisterThatIsNotRestored() {
        byte[] code = TileKernel.avx512Bf16(false);
        List<Instruction> all = Decoder.decode(code);
        Instruction push = all.getFirst();
        Instruction pop = all.get(all.size() - 3);
        assertThat(push.text()).isEqualTo("push rbx");
        assertThat(pop.text()).isEqualTo("pop rbx");
        byte[] without = without(without(code, pop), push);
        assertThatThrownBy(() -> problem(Kernel.AVX512, false).emulated(without)).isInstanceOf(EmulationFault.class)
                .hasMessageContaining("rbx is not restored");
    }

    /// The tile's last vector is stored 23 · 64 bytes from its beginning, by a displacement of one byte.
    @Test
    void namesTheStoreThatLeavesTheTile() {
        byte[] code = TileKernel.avx512Bf16(false);
        Instruction store = Decoder.decode(code).stream().filter(i -> i.operation() == Operation.VMOVUPS).toList()
                .getLast();
        assertThat(store.text()).isEqualTo("vmovups ZMMWORD PTR [r8+0x5c0],zmm23");
        code[store.end() - 1] ^= 0x40;
        assertThatThrownBy(() -> problem(Kernel.AVX512, false).emulated(code)).isInstanceOf(EmulationFault.class)
                .hasMessageContaining("vmovups ZMMWORD PTR [r8+0x15c0],zmm23: there are no 64 bytes at");
    }

    /// The code without one instruction, its jumps led to where they led before.
    private static byte[] without(byte[] code, Instruction missing) {
        ByteArrayOutputStream shorter = new ByteArrayOutputStream();
        int length = missing.end() - missing.offset();
        for (Instruction i : Decoder.decode(code)) {
            if (i.operation() == Operation.JNE && !i.equals(missing)) {
                int target = (int) ((Immediate) i.first()).value();
                boolean between = target <= missing.offset() && missing.offset() < i.offset();
                int distance = target - i.end() + (between ? length : 0);
                shorter.write(code, i.offset(), 2);
                shorter.writeBytes(
                        ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(distance).array());
            } else if (!i.equals(missing)) {
                shorter.write(code, i.offset(), i.end() - i.offset());
            }
        }
        return shorter.toByteArray();
    }
}
