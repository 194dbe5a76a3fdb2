package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Address;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Label;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Register;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Zmm;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/// Checks what the emulated instructions do, and what the emulator does not let pass.
class EmulatorTest {

    private static final long INPUT = 0x1234_5678_9ABFL;
    private static final long OUTPUT = 0x2345_6789_ABEDL;

    private final ByteBuffer input = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
    private final ByteBuffer output = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);

    private Emulator emulator(Consumer<Assembler> routine) {
        Assembler code = new Assembler();
        routine.accept(code);
        EmulatedMemory memory = new EmulatedMemory().readOnly("the input", INPUT, input.array())
                .writable("the output", OUTPUT, output.array());
        return new Emulator(code.code(), memory).maxSteps(1000);
    }

    /// Calls a routine with the input, the output and a number.
    private long call(long number, Consumer<Assembler> routine) {
        return emulator(routine.andThen(Assembler::ret)).call(INPUT, OUTPUT, number);
    }

    private void assertFault(String message, Consumer<Assembler> routine) {
        assertThatThrownBy(() -> emulator(routine).call(INPUT, OUTPUT)).isInstanceOf(EmulationFault.class)
                .hasMessageContaining(message);
    }

    @Test
    void calculatesInGeneralRegisters() {
        long number = 0x8123_4567_89AB_CDEFL;
        assertThat(call(number, code -> {
            code.mov(Register.RAX, Register.RDX);
            code.add(Register.RAX, -5);
            code.sub(Register.RAX, Integer.MIN_VALUE);
            code.xor(Register.RAX, Register.RDI);
            code.shl(Register.RAX, 7);
            code.or(Register.RAX, Register.RSI);
            code.add(Register.RAX, Register.RDX);
        })).isEqualTo((((number - 5 + 0x8000_0000L ^ INPUT) << 7) | OUTPUT) + number);
        assertThat(call(number, code -> {
            code.mov(Register.RAX, Long.MIN_VALUE + 3);
            code.lea(Register.RAX, Address.twice(Register.RAX, Register.RDX, -100));
        })).isEqualTo(Long.MIN_VALUE + 3 + 2 * number - 100);
        assertThat(call(number, code -> {
            code.push(Register.RDX);
            code.push(Register.RDI);
            code.pop(Register.RDX);
            code.pop(Register.RAX);
        })).isEqualTo(number);
    }

    @Test
    void storesTheLowerHalf() {
        call(0x8123_4567_89AB_CDEFL, code -> code.movd(Address.at(Register.RSI, 8), Register.RDX));
        assertThat(output.getLong(8)).isEqualTo(0x89AB_CDEFL);
    }

    @Test
    void jumpsUntilZero() {
        assertThat(call(10, code -> {
            code.xor(Register.RAX, Register.RAX);
            Label loop = code.here();
            code.add(Register.RAX, Register.RDX);
            code.sub(Register.RDX, 1);
            // Neither moves nor a shift by nothing touch the flag.
            code.mov(Register.RCX, 0);
            code.lea(Register.RCX, Address.at(Register.RDX));
            code.shl(Register.RCX, 0);
            code.jnz(loop);
        })).isEqualTo(55);
    }

    @Test
    void calculatesInVectors() {
        for (int lane = 0; lane < 16; lane++) {
            input.putFloat(4 * lane, lane + 0.5f);
            input.putFloat(64 + 4 * lane, 3 - lane);
        }
        call(0, code -> {
            code.vmovups(new Zmm(31), Address.at(Register.RDI));
            code.vmovups(new Zmm(8), Address.at(Register.RDI, 64));
            code.vpbroadcastd(new Zmm(17), Address.at(Register.RDI, 8));
            code.vfmadd231ps(new Zmm(17), new Zmm(31), new Zmm(8));
            code.vpxord(new Zmm(8), new Zmm(31), new Zmm(17));
            code.vmovups(Address.at(Register.RSI), new Zmm(17));
            code.vmovups(Address.at(Register.RSI, 65), new Zmm(8));
            code.vzeroupper();
        });
        for (int lane = 0; lane < 16; lane++) {
            float sum = 2.5f + (lane + 0.5f) * (3 - lane);
            assertThat(output.getFloat(4 * lane)).isEqualTo(sum);
            assertThat(output.getInt(65 + 4 * lane))
                    .isEqualTo(Float.floatToRawIntBits(sum) ^ Float.floatToRawIntBits(lane + 0.5f));
        }
    }

    @Test
    void clearsTheUpperPartsOfTheLowerVectors() {
        for (int i = 0; i < 64; i++) {
            input.put(i, (byte) 1);
        }
        call(0, code -> {
            code.vmovups(new Zmm(15), Address.at(Register.RDI));
            code.vmovups(new Zmm(16), Address.at(Register.RDI));
            code.vzeroupper();
            code.vmovups(Address.at(Register.RSI), new Zmm(15));
            code.vmovups(Address.at(Register.RSI, 64), new Zmm(16));
        });
        for (int i = 0; i < 128; i++) {
            assertThat(output.get(i)).as("byte " + i).isEqualTo((byte) (i < 16 || i >= 64 ? 1 : 0));
        }
    }

    @Test
    void doesNotReadOrWriteOutside() {
        assertFault("at 0x0: vmovups zmm0,ZMMWORD PTR [rdi-0x1]: there are no 64 bytes at 0x123456789abe",
                code -> code.vmovups(new Zmm(0), Address.at(Register.RDI, -1)));
        assertFault("no 64 bytes", code -> code.vmovups(new Zmm(0), Address.at(Register.RDI, 256 - 63)));
        assertFault("no 4 bytes", code -> code.vpbroadcastd(new Zmm(0), Address.at(Register.RDI, 256 - 3)));
        assertFault("no 4 bytes", code -> code.movd(Address.at(Register.RSI, 256), Register.RAX));
        assertFault("no 64 bytes", code -> code.ldtilecfg(Address.at(Register.RSI, 200)));
        assertFault("writes to the input", code -> code.movd(Address.at(Register.RDI), Register.RAX));
        assertFault("writes to the input", code -> code.vmovups(Address.at(Register.RDI), new Zmm(0)));
    }

    @Test
    void doesNotLeaveTheCode() {
        assertFault("at 0x1: the code ends here", code -> code.push(Register.RAX));
        assertFault("not finished after 1000 instructions", code -> {
            code.add(Register.RAX, 1);
            code.jnz(new Label(0));
        });
        assertThatThrownBy(() -> new Emulator(new byte[] {(byte) 0x90}, new EmulatedMemory()).call())
                .isInstanceOf(EmulationFault.class).hasMessage("at 0x0: an unknown instruction");
    }

    @Test
    void doesNotJumpOnAnUndefinedFlag() {
        assertFault("jne 0x0: the flag is undefined", code -> code.jnz(code.here()));
    }

    @Test
    void keepsToTheCallingConvention() {
        for (Register saved : new Register[] {
            Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15
        }) {
            assertFault("is not restored", code -> {
                code.add(saved, 1);
                code.ret();
            });
        }
        assertFault("the stack is not as it was", code -> {
            code.push(Register.RAX);
            code.ret();
        });
        assertFault("the stack is not as it was", code -> {
            code.pop(Register.RAX);
            code.push(Register.RAX);
            code.add(Register.RSP, -8);
            code.ret();
        });
        assertFault("no 8 bytes", code -> {
            code.pop(Register.RAX);
            code.ret();
        });
        assertFault("no 8 bytes", code -> {
            code.mov(Register.RSP, Register.RAX);
            code.push(Register.RAX);
        });
        assertFault("vzeroupper is missing", code -> {
            code.vpxord(new Zmm(15), new Zmm(16), new Zmm(17));
            code.ret();
        });
    }
}
