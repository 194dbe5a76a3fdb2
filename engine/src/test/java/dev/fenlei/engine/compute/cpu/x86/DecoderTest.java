package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Address;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Register;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Tmm;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Zmm;
import dev.fenlei.engine.compute.cpu.x86.Operand.General;
import dev.fenlei.engine.compute.cpu.x86.Operand.Place;
import dev.fenlei.engine.compute.cpu.x86.Operand.Tile;
import dev.fenlei.engine.compute.cpu.x86.Operand.Vector;
import java.util.HexFormat;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Reads back what the assembler writes, for all registers and addresses, so that the two, written apart, check one another.
class DecoderTest {

    private static final int[] DISPLACEMENTS = {
        0, 1, -1, 4, 64, -64, 127, 128, -128, -129, 508, 512, -512, -516, 127 * 64, 128 * 64, -128 * 64, -129 * 64,
        Integer.MAX_VALUE, Integer.MIN_VALUE
    };

    @Test
    void allPairsOfGeneralRegisters() {
        for (Register to : Register.values()) {
            for (Register from : Register.values()) {
                Operand[] operands = {general(to), general(from)};
                check(code -> code.mov(to, from), operands);
                check(code -> code.add(to, from), operands);
                check(code -> code.or(to, from), operands);
                check(code -> code.xor(to, from), operands);
            }
        }
    }

    @Test
    void allTriplesOfVectorsAndTiles() {
        for (int i = 0; i < 32 * 32 * 32; i++) {
            Zmm to = new Zmm(i / 1024);
            Zmm a = new Zmm(i / 32 % 32);
            Zmm b = new Zmm(i % 32);
            Operand[] operands = {new Vector(i / 1024), new Vector(i / 32 % 32), new Vector(i % 32)};
            check(code -> code.vdpbf16ps(to, a, b), operands);
            check(code -> code.vpxord(to, a, b), operands);
            check(code -> code.vfmadd231ps(to, a, b), operands);
        }
        for (int i = 0; i < 8 * 8 * 8; i++) {
            Tmm to = new Tmm(i / 64);
            Tmm a = new Tmm(i / 8 % 8);
            Tmm b = new Tmm(i % 8);
            check(code -> code.tdpbf16ps(to, a, b), new Tile(i / 64), new Tile(i / 8 % 8), new Tile(i % 8));
        }
    }

    @Test
    void allAddresses() {
        int count = 0;
        for (Register base : Register.values()) {
            for (int displacement : DISPLACEMENTS) {
                checkAddress(Address.at(base, displacement), count++);
                for (Register index : Register.values()) {
                    if (index != Register.RSP) {
                        Address address = Address.at(base, index, displacement);
                        checkAddress(address, count++);
                        checkIndexed(address, count);
                        checkAddress(Address.twice(base, index, displacement), count++);
                    }
                }
            }
        }
    }

    /// Takes turns with the other registers, which do not depend on the address.
    private static void checkAddress(Address address, int count) {
        Register register = Register.values()[count % 16];
        int number = count % 32;
        Zmm zmm = new Zmm(number);
        Vector vector = new Vector(number);
        check(code -> code.lea(register, address), general(register), place(address, 0));
        check(code -> code.ldtilecfg(address), place(address, 0));
        check(code -> code.vmovups(zmm, address), vector, place(address, 64));
        check(code -> code.vmovups(address, zmm), place(address, 64), vector);
        check(code -> code.vpbroadcastd(zmm, address), vector, place(address, 4));
        check(
                code -> code.vcvtne2ps2bf16(zmm, new Zmm(31 - number), address),
                vector, new Vector(31 - number), place(address, 64));
        if (address.index() == null) {
            check(
                    code -> code.movd(address, register),
                    place(address, 4), new General(register.ordinal(), 32));
        }
    }

    private static void checkIndexed(Address address, int count) {
        Tmm tmm = new Tmm(count % 8);
        check(code -> code.tileloadd(tmm, address), new Tile(count % 8), place(address, 0));
        check(code -> code.tilestored(address, tmm), place(address, 0), new Tile(count % 8));
    }

    private static void check(Consumer<Assembler> call, Operand... operands) {
        Assembler assembler = new Assembler();
        call.accept(assembler);
        byte[] code = assembler.code();
        Instruction instruction = Decoder.decode(code, 0);
        // Comparing by hand is several times faster than an assertion.
        boolean equal = instruction.end() == code.length && instruction.operands().size() == operands.length;
        for (int i = 0; equal && i < operands.length; i++) {
            equal = instruction.operands().get(i).equals(operands[i]);
        }
        if (!equal) {
            assertThat(instruction.operands()).as(instruction.text()).containsExactly(operands);
            assertThat(instruction.end()).isEqualTo(code.length);
        }
    }

    private static General general(Register register) {
        return new General(register.ordinal(), 64);
    }

    private static Place place(Address address, int bytes) {
        Register index = address.index();
        return new Place(
                address.base().ordinal(), index == null ? Place.NONE : index.ordinal(), address.twice() ? 2 : 1,
                address.displacement(), bytes);
    }

    /// Each is something that a processor may know, or a prefix that the assembler leaves out.
    @ParameterizedTest
    @ValueSource(
            strings = {
                // nop; call; jumps by a byte's distance, forward, to before the code
                "90", "E8 00 00 00 00", "75 00", "0F 85 00 00 00 00", "0F 85 F9 FF FF FF",
                // push with REX.W; ret with REX; a prefix after REX
                "48 50", "40 C3", "48 41 50",
                // mov eax, ecx; add rax, [rcx]; xor eax, eax
                "89 C8", "48 01 08", "31 C0",
                // and rax, 1; shr rax, 1; shl rax, 64; add rax, 1 and shl rax, 1 with REX.R
                "48 81 E0 01 00 00 00", "48 C1 E8 01", "48 C1 E0 40", "4C 81 C0 01 00 00 00", "4C C1 E0 01",
                // addresses relative to rip, without base, with fourfold index, with riz
                "48 8D 05 00 00 00 00", "48 8D 04 25 00 00 00 00", "48 8D 04 88", "48 8D 04 64",
                // vmovaps; a mask; a broadcast; 256 bits; 64-bit lanes; a second register of vmovups; reserved bits
                "62 F1 7C 48 28 00", "62 F1 7C 49 10 00", "62 F2 7E 58 52 00", "62 F1 7C 28 10 00",
                "62 F1 FC 48 10 00", "62 F1 74 48 10 00", "62 F5 7C 48 10 00",
                // between registers: vmovups; from memory: vdpbf16ps
                "62 F1 7C 48 10 C0", "62 F2 7E 48 52 00",
                // tileloaddt1; sttilecfg; tdpbssd; tile loads without a row distance
                "C4 E2 79 4B 04 08", "C4 E2 79 49 00", "C4 E2 7B 5E C1", "C4 E2 7B 4B 00", "C4 C2 7B 4B 04 24",
                // tiles above 7
                "C4 62 7B 49 C0", "C4 C2 7A 5C C1", "C4 E2 32 5C C1",
                // vzeroall
                "C5 FC 77"
            })
    void refusesWhatTheAssemblerDoesNotWrite(String bytes) {
        byte[] code = HexFormat.ofDelimiter(" ").parseHex(bytes);
        assertThatThrownBy(() -> Decoder.decode(code, 0)).isInstanceOf(EmulationFault.class);
    }

    @Test
    void refusesInstructionsThatAreCutOff() {
        AssemblerTest.table().forEach(encoding -> {
            byte[] whole = encoding.expected();
            for (int length = 0; length < whole.length; length++) {
                byte[] part = new byte[length];
                System.arraycopy(whole, 0, part, 0, length);
                assertThatThrownBy(() -> Decoder.decode(part, 0)).as(encoding.text())
                        .isInstanceOf(EmulationFault.class).hasMessageContaining("ends here");
            }
        });
    }
}
