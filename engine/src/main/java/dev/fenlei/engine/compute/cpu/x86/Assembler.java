package dev.fenlei.engine.compute.cpu.x86;

import java.io.ByteArrayOutputStream;
import org.jspecify.annotations.Nullable;

/// Writes x86-64 machine code: the few instructions that the kernels need, one method each, named as in the manual and with
/// operands in Intel's order. See Intel, *Architectures Software Developer's Manual*, volume 2, for the encodings.
///
/// Operands must be registers and addresses; instructions between 64-bit registers have the plain name, vector instructions are
/// 512 bits wide.
final class Assembler {

    /// A general register of 64 bits; the order is that of the encoding.
    enum Register {
        RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15
    }

    /// A vector register of 512 bits, 0 to 31.
    record Zmm(int number) {
        Zmm {
            check(number, 32);
        }
    }

    /// A tile register of AMX, 0 to 7.
    record Tmm(int number) {
        Tmm {
            check(number, 8);
        }
    }

    /// The address `base + index + displacement`, or `base + 2·index + displacement` if `twice`.
    record Address(Register base, @Nullable Register index, boolean twice, int displacement) {

        static Address at(Register base) {
            return new Address(base, null, false, 0);
        }

        static Address at(Register base, int displacement) {
            return new Address(base, null, false, displacement);
        }

        static Address at(Register base, Register index, int displacement) {
            return new Address(base, index, false, displacement);
        }

        static Address twice(Register base, Register index, int displacement) {
            return new Address(base, index, true, displacement);
        }

        Address {
            if (index == Register.RSP) {
                throw new IllegalArgumentException("RSP cannot be an index");
            }
        }
    }

    /// A place to jump back to.
    record Label(int position) {}

    /// The numbers by which prefixes name the byte sequences that they stand for.
    private static final int NO_PREFIX = 0;
    private static final int PREFIX_66 = 1;
    private static final int PREFIX_F3 = 2;
    private static final int PREFIX_F2 = 3;
    private static final int MAP_0F = 1;
    private static final int MAP_0F38 = 2;

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();

    private static void check(int number, int limit) {
        if (number < 0 || number >= limit) {
            throw new IllegalArgumentException("there is no register " + number);
        }
    }

    /// The code so far.
    byte[] code() {
        return code.toByteArray();
    }

    /// The present place.
    Label here() {
        return new Label(code.size());
    }

    // General registers.

    void push(Register register) {
        rexIfNeeded(0, register.ordinal());
        bytes(0x50 | register.ordinal() & 7);
    }

    void pop(Register register) {
        rexIfNeeded(0, register.ordinal());
        bytes(0x58 | register.ordinal() & 7);
    }

    void mov(Register to, Register from) {
        general(0x89, from, to);
    }

    void add(Register to, Register from) {
        general(0x01, from, to);
    }

    void or(Register to, Register from) {
        general(0x09, from, to);
    }

    void xor(Register to, Register from) {
        general(0x31, from, to);
    }

    void add(Register to, int value) {
        immediate(0, to, value);
    }

    /// Sets the flags of [#jnz].
    void sub(Register from, int value) {
        immediate(5, from, value);
    }

    void shl(Register register, int count) {
        rexW(0, 0, register.ordinal());
        bytes(0xC1, 0xE0 | register.ordinal() & 7, count);
    }

    void lea(Register to, Address address) {
        rexW(to.ordinal(), address);
        bytes(0x8D);
        operand(to.ordinal(), address, 1);
    }

    /// Stores the lower 32 bits.
    void movd(Address to, Register from) {
        if (to.index() != null) {
            throw new IllegalArgumentException("not needed, not written: " + to);
        }
        rexIfNeeded(from.ordinal(), to.base().ordinal());
        bytes(0x89);
        operand(from.ordinal(), to, 1);
    }

    void mov(Register to, long value) {
        rexW(0, 0, to.ordinal());
        bytes(0xB8 | to.ordinal() & 7);
        int32((int) value);
        int32((int) (value >> 32));
    }

    void cpuid() {
        bytes(0x0F, 0xA2);
    }

    void xgetbv() {
        bytes(0x0F, 0x01, 0xD0);
    }

    /// Jumps back if the last result was not zero.
    void jnz(Label target) {
        int afterwards = code.size() + 6;
        bytes(0x0F, 0x85);
        int32(target.position() - afterwards);
    }

    void ret() {
        bytes(0xC3);
    }

    // AVX-512.

    void vmovups(Zmm to, Address from) {
        evex(NO_PREFIX, MAP_0F, 0x10, to.number(), 0, from, 64);
    }

    void vmovups(Address to, Zmm from) {
        evex(NO_PREFIX, MAP_0F, 0x11, from.number(), 0, to, 64);
    }

    void vpxord(Zmm to, Zmm a, Zmm b) {
        evex(PREFIX_66, MAP_0F, 0xEF, to.number(), a.number(), b);
    }

    /// 32 bits into every lane.
    void vpbroadcastd(Zmm to, Address from) {
        evex(PREFIX_66, MAP_0F38, 0x58, to.number(), 0, from, 4);
    }

    /// `to += a · b`
    void vfmadd231ps(Zmm to, Zmm a, Zmm b) {
        evex(PREFIX_66, MAP_0F38, 0xB8, to.number(), a.number(), b);
    }

    /// Single precision `to += a.low · b.low + a.high · b.high` for the pairs of bfloat16 in each lane.
    void vdpbf16ps(Zmm to, Zmm a, Zmm b) {
        evex(PREFIX_F3, MAP_0F38, 0x52, to.number(), a.number(), b);
    }

    /// 32 numbers to bfloat16, rounded to nearest even: `low` to the lower half, `high` to the upper one.
    void vcvtne2ps2bf16(Zmm to, Zmm high, Address low) {
        evex(PREFIX_F2, MAP_0F38, 0x72, to.number(), high.number(), low, 64);
    }

    void vzeroupper() {
        bytes(0xC5, 0xF8, 0x77);
    }

    // AMX.

    void ldtilecfg(Address from) {
        vex(NO_PREFIX, 0, from);
        bytes(0x49);
        operand(0, from, 1);
    }

    void tilerelease() {
        vex(NO_PREFIX, 0, null);
        bytes(0x49, 0xC0);
    }

    void tilezero(Tmm to) {
        vex(PREFIX_F2, 0, null);
        bytes(0x49, 0xC0 | to.number() << 3);
    }

    /// Rows of 64 bytes from `from.base`, `from.index` bytes apart.
    void tileloadd(Tmm to, Address from) {
        vex(PREFIX_F2, 0, from);
        bytes(0x4B);
        operand(to.number(), from, 1);
    }

    /// Rows of 64 bytes to `to.base`, `to.index` bytes apart.
    void tilestored(Address to, Tmm from) {
        vex(PREFIX_F3, 0, to);
        bytes(0x4B);
        operand(from.number(), to, 1);
    }

    /// `to += a · b`: 16 rows of 16 pairs of bfloat16 by 16 rows of pairs.
    void tdpbf16ps(Tmm to, Tmm a, Tmm b) {
        vex(PREFIX_F3, b.number(), null);
        bytes(0x5C, 0xC0 | to.number() << 3 | a.number());
    }

    // Encoding.

    private void bytes(int... values) {
        for (int value : values) {
            code.write(value);
        }
    }

    private void int32(int value) {
        bytes(value, value >> 8, value >> 16, value >> 24);
    }

    private static int address(@Nullable Register register) {
        return register == null ? 0 : register.ordinal();
    }

    private void rexIfNeeded(int reg, int rm) {
        if (reg > 7 || rm > 7) {
            bytes(0x40 | reg >> 3 << 2 | rm >> 3);
        }
    }

    private void rexW(int reg, int index, int base) {
        bytes(0x48 | reg >> 3 << 2 | index >> 3 << 1 | base >> 3);
    }

    private void rexW(int reg, Address address) {
        rexW(reg, address(address.index()), address.base().ordinal());
    }

    private void general(int opcode, Register reg, Register rm) {
        rexW(reg.ordinal(), 0, rm.ordinal());
        bytes(opcode, 0xC0 | (reg.ordinal() & 7) << 3 | rm.ordinal() & 7);
    }

    private void immediate(int operation, Register register, int value) {
        rexW(0, 0, register.ordinal());
        bytes(0x81, 0xC0 | operation << 3 | register.ordinal() & 7);
        int32(value);
    }

    /// The bytes ModRM, SIB and displacement. Displacements of one byte count in units of `scale` bytes.
    private void operand(int reg, Address address, int scale) {
        int base = address.base().ordinal() & 7;
        boolean sib = address.index() != null || base == Register.RSP.ordinal();
        int displacement = address.displacement();
        boolean none = displacement == 0 && base != Register.RBP.ordinal();
        boolean small = displacement % scale == 0 && displacement / scale == (byte) (displacement / scale);
        int mode = none ? 0 : small ? 1 : 2;
        bytes(mode << 6 | (reg & 7) << 3 | (sib ? 4 : base));
        if (sib) {
            int index = address.index() == null ? 4 : address.index().ordinal() & 7;
            bytes((address.twice() ? 1 : 0) << 6 | index << 3 | base);
        }
        if (mode == 1) {
            bytes(displacement / scale);
        } else if (mode == 2) {
            int32(displacement);
        }
    }

    private void evex(int prefix, int map, int opcode, int reg, int second, Zmm third) {
        evex(prefix, map, opcode, reg, second, third.number() >> 4, third.number() >> 3 & 1);
        bytes(0xC0 | (reg & 7) << 3 | third.number() & 7);
    }

    private void evex(int prefix, int map, int opcode, int reg, int second, Address address, int scale) {
        evex(prefix, map, opcode, reg, second, address(address.index()) >> 3, address.base().ordinal() >> 3);
        operand(reg, address, scale);
    }

    /// The four bytes of the prefix, whose register bits are inverted, and the opcode; 512 bits, no mask.
    private void evex(int prefix, int map, int opcode, int reg, int second, int x, int b) {
        bytes(
                0x62,
                (~reg >> 3 & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | (~reg >> 4 & 1) << 4 | map,
                (~second & 15) << 3 | 4 | prefix,
                0x40 | (~second >> 4 & 1) << 3,
                opcode);
    }

    /// The three bytes of the prefix; tile registers need no more than three bits.
    private void vex(int prefix, int second, @Nullable Address address) {
        int x = address == null ? 0 : address(address.index()) >> 3;
        int b = address == null ? 0 : address.base().ordinal() >> 3;
        bytes(0xC4, 1 << 7 | (~x & 1) << 6 | (~b & 1) << 5 | MAP_0F38, (~second & 15) << 3 | prefix);
    }
}
