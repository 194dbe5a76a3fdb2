package dev.fenlei.engine.compute.cpu.x86;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Address;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Register;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// What the processor says of itself (`cpuid`) and what the system has switched on (`xgetbv`, `arch_prctl`).
///
/// @param avx512 the 512-bit instructions (F, BW, VL)
/// @param avx512Bf16 products of pairs of bfloat16 (`vdpbf16ps`)
/// @param intel whether the processor is Intel's, where such a product takes four times as long as a multiply-add and gains
///     nothing over single precision; on AMD's it is as fast
/// @param amxBf16 tiles, and their products of bfloat16
record CpuFeatures(boolean avx512, boolean avx512Bf16, boolean intel, boolean amxBf16) {

    /// The end of `GenuineIntel`, as leaf 0 has it.
    private static final int INTEL = 0x6C65746E;

    private static final long AVX512_STATE = 0xE6;
    private static final long TILE_STATE = 0x60000;

    /// The kernel's name for the tile registers, whose use a process has to ask for.
    private static final int REQUEST_STATE_PERMISSION = 0x1023;
    private static final int TILE_DATA = 18;

    /// Asks the processor.
    ///
    /// @throws UnavailableException if machine code cannot be run here at all
    static CpuFeatures read() throws UnavailableException {
        MethodHandle cpuid = CodePages.routine(cpuidCode(), FunctionDescriptor.ofVoid(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS));
        MethodHandle xgetbv = CodePages.routine(xgetbvCode(), FunctionDescriptor.of(ValueLayout.JAVA_LONG));
        int[] leaf0 = leaf(cpuid, 0, 0);
        int[] leaf1 = leaf(cpuid, 1, 0);
        boolean systemSavesState = bit(leaf1[2], 27);
        if (leaf0[0] < 7 || !systemSavesState) {
            return new CpuFeatures(false, false, leaf0[2] == INTEL, false);
        }
        int[] leaf7 = leaf(cpuid, 7, 0);
        int[] leaf7Second = leaf7[0] < 1 ? new int[4] : leaf(cpuid, 7, 1);
        long state = state(xgetbv);
        boolean avx512 = bit(leaf7[1], 16) && bit(leaf7[1], 30) && bit(leaf7[1], 31)
                && (state & AVX512_STATE) == AVX512_STATE;
        boolean amx = bit(leaf7[3], 22) && bit(leaf7[3], 24) && (state & TILE_STATE) == TILE_STATE
                && CodePages.archPrctl(REQUEST_STATE_PERMISSION, TILE_DATA);
        boolean bf16 = avx512 && bit(leaf7Second[0], 5);
        return new CpuFeatures(avx512, bf16, leaf0[2] == INTEL, avx512 && amx);
    }

    private static boolean bit(int word, int number) {
        return (word >>> number & 1) != 0;
    }

    /// EAX, EBX, ECX and EDX of one leaf.
    private static int[] leaf(MethodHandle cpuid, int leaf, int subleaf) throws UnavailableException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment registers = arena.allocate(16);
            cpuid.invokeExact(leaf, subleaf, registers);
            return registers.toArray(ValueLayout.JAVA_INT);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new UnavailableException(e.toString());
        }
    }

    private static long state(MethodHandle xgetbv) throws UnavailableException {
        try {
            return (long) xgetbv.invokeExact();
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new UnavailableException(e.toString());
        }
    }

    /// `void cpuid(int leaf, int subleaf, int registers[4])`
    static byte[] cpuidCode() {
        Assembler code = new Assembler();
        code.push(Register.RBX);
        code.mov(Register.R8, Register.RDX);
        code.mov(Register.RAX, Register.RDI);
        code.mov(Register.RCX, Register.RSI);
        code.cpuid();
        code.movd(Address.at(Register.R8), Register.RAX);
        code.movd(Address.at(Register.R8, 4), Register.RBX);
        code.movd(Address.at(Register.R8, 8), Register.RCX);
        code.movd(Address.at(Register.R8, 12), Register.RDX);
        code.pop(Register.RBX);
        code.ret();
        return code.code();
    }

    /// `long xgetbv()` of register 0
    static byte[] xgetbvCode() {
        Assembler code = new Assembler();
        code.xor(Register.RCX, Register.RCX);
        code.xgetbv();
        code.shl(Register.RDX, 32);
        code.or(Register.RAX, Register.RDX);
        code.ret();
        return code.code();
    }
}
