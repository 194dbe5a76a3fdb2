package dev.fenlei.engine.compute.cpu.x86;

import static dev.fenlei.engine.compute.cpu.x86.Assembler.Address.at;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Address.twice;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R10;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R11;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R12;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R13;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R15;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R8;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R9;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RAX;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RBP;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RCX;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RDI;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RDX;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RSI;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RSP;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Tmm;
import java.util.List;

/// The instructions of AMX.
final class TileEncodings {

    private TileEncodings() {}

    static List<Encoding> states() {
        return List.of(
                new Encoding("C4 E2 78 49 00", "ldtilecfg [rax]", code -> code.ldtilecfg(at(RAX))),
                new Encoding("C4 E2 78 49 04 24", "ldtilecfg [rsp]", code -> code.ldtilecfg(at(RSP))),
                new Encoding("C4 E2 78 49 45 00", "ldtilecfg [rbp+0x0]", code -> code.ldtilecfg(at(RBP))),
                new Encoding("C4 C2 78 49 44 24 40", "ldtilecfg [r12+0x40]", code -> code.ldtilecfg(at(R12, 64))),
                new Encoding("C4 C2 78 49 45 C0", "ldtilecfg [r13-0x40]", code -> code.ldtilecfg(at(R13, -64))),
                new Encoding(
                        "C4 C2 78 49 87 00 10 00 00", "ldtilecfg [r15+0x1000]",
                        code -> code.ldtilecfg(at(R15, 4096))),
                new Encoding(
                        "C4 A2 78 49 44 07 08", "ldtilecfg [rdi+r8*1+0x8]",
                        code -> code.ldtilecfg(at(RDI, R8, 8))),
                new Encoding("C4 82 78 49 04 51", "ldtilecfg [r9+r10*2]", code -> code.ldtilecfg(twice(R9, R10, 0))),
                new Encoding("C4 E2 78 49 C0", "tilerelease", code -> code.tilerelease()),
                new Encoding("C4 E2 7B 49 C0", "tilezero tmm0", code -> code.tilezero(new Tmm(0))),
                new Encoding("C4 E2 7B 49 D8", "tilezero tmm3", code -> code.tilezero(new Tmm(3))),
                new Encoding("C4 E2 7B 49 F8", "tilezero tmm7", code -> code.tilezero(new Tmm(7))));
    }

    static List<Encoding> moves() {
        return List.of(
                new Encoding(
                        "C4 E2 7B 4B 04 37", "tileloadd tmm0,[rdi+rsi*1]",
                        code -> code.tileloadd(new Tmm(0), at(RDI, RSI, 0))),
                new Encoding(
                        "C4 E2 7B 4B 7C 05 40", "tileloadd tmm7,[rbp+rax*1+0x40]",
                        code -> code.tileloadd(new Tmm(7), at(RBP, RAX, 64))),
                new Encoding(
                        "C4 C2 7B 4B 1C 00", "tileloadd tmm3,[r8+rax*1]",
                        code -> code.tileloadd(new Tmm(3), at(R8, RAX, 0))),
                new Encoding(
                        "C4 C2 7B 4B 64 03 40", "tileloadd tmm4,[r11+rax*1+0x40]",
                        code -> code.tileloadd(new Tmm(4), at(R11, RAX, 64))),
                new Encoding(
                        "C4 A2 7B 4B 6C 24 80", "tileloadd tmm5,[rsp+r12*1-0x80]",
                        code -> code.tileloadd(new Tmm(5), at(RSP, R12, -128))),
                new Encoding(
                        "C4 82 7B 4B 74 3D 00", "tileloadd tmm6,[r13+r15*1+0x0]",
                        code -> code.tileloadd(new Tmm(6), at(R13, R15, 0))),
                new Encoding(
                        "C4 C2 7B 4B 8C 2C 80 00 00 00", "tileloadd tmm1,[r12+rbp*1+0x80]",
                        code -> code.tileloadd(new Tmm(1), at(R12, RBP, 128))),
                new Encoding(
                        "C4 A2 7B 4B 94 0A 7F FF FF FF", "tileloadd tmm2,[rdx+r9*1-0x81]",
                        code -> code.tileloadd(new Tmm(2), at(RDX, R9, -129))),
                new Encoding(
                        "C4 E2 7B 4B 04 76", "tileloadd tmm0,[rsi+rsi*2]",
                        code -> code.tileloadd(new Tmm(0), twice(RSI, RSI, 0))),
                new Encoding(
                        "C4 C2 7B 4B BC 4A 00 00 01 00", "tileloadd tmm7,[r10+rcx*2+0x10000]",
                        code -> code.tileloadd(new Tmm(7), twice(R10, RCX, 65536))),
                new Encoding(
                        "C4 E2 7A 4B 04 37", "tilestored [rdi+rsi*1],tmm0",
                        code -> code.tilestored(at(RDI, RSI, 0), new Tmm(0))),
                new Encoding(
                        "C4 E2 7A 4B 7C 05 40", "tilestored [rbp+rax*1+0x40],tmm7",
                        code -> code.tilestored(at(RBP, RAX, 64), new Tmm(7))),
                new Encoding(
                        "C4 C2 7A 4B 1C 00", "tilestored [r8+rax*1],tmm3",
                        code -> code.tilestored(at(R8, RAX, 0), new Tmm(3))),
                new Encoding(
                        "C4 C2 7A 4B 64 03 40", "tilestored [r11+rax*1+0x40],tmm4",
                        code -> code.tilestored(at(R11, RAX, 64), new Tmm(4))),
                new Encoding(
                        "C4 A2 7A 4B 6C 24 80", "tilestored [rsp+r12*1-0x80],tmm5",
                        code -> code.tilestored(at(RSP, R12, -128), new Tmm(5))),
                new Encoding(
                        "C4 82 7A 4B 74 3D 00", "tilestored [r13+r15*1+0x0],tmm6",
                        code -> code.tilestored(at(R13, R15, 0), new Tmm(6))),
                new Encoding(
                        "C4 C2 7A 4B 8C 2C 80 00 00 00", "tilestored [r12+rbp*1+0x80],tmm1",
                        code -> code.tilestored(at(R12, RBP, 128), new Tmm(1))),
                new Encoding(
                        "C4 A2 7A 4B 94 0A 7F FF FF FF", "tilestored [rdx+r9*1-0x81],tmm2",
                        code -> code.tilestored(at(RDX, R9, -129), new Tmm(2))),
                new Encoding(
                        "C4 E2 7A 4B 04 76", "tilestored [rsi+rsi*2],tmm0",
                        code -> code.tilestored(twice(RSI, RSI, 0), new Tmm(0))),
                new Encoding(
                        "C4 C2 7A 4B BC 4A 00 00 01 00", "tilestored [r10+rcx*2+0x10000],tmm7",
                        code -> code.tilestored(twice(R10, RCX, 65536), new Tmm(7))));
    }

    static List<Encoding> products() {
        return List.of(
                new Encoding(
                        "C4 E2 4A 5C C4", "tdpbf16ps tmm0,tmm4,tmm6",
                        code -> code.tdpbf16ps(new Tmm(0), new Tmm(4), new Tmm(6))),
                new Encoding(
                        "C4 E2 42 5C DD", "tdpbf16ps tmm3,tmm5,tmm7",
                        code -> code.tdpbf16ps(new Tmm(3), new Tmm(5), new Tmm(7))),
                new Encoding(
                        "C4 E2 72 5C F8", "tdpbf16ps tmm7,tmm0,tmm1",
                        code -> code.tdpbf16ps(new Tmm(7), new Tmm(0), new Tmm(1))),
                new Encoding(
                        "C4 E2 7A 5C CF", "tdpbf16ps tmm1,tmm7,tmm0",
                        code -> code.tdpbf16ps(new Tmm(1), new Tmm(7), new Tmm(0))),
                new Encoding(
                        "C4 E2 42 5C C1", "tdpbf16ps tmm0,tmm1,tmm7",
                        code -> code.tdpbf16ps(new Tmm(0), new Tmm(1), new Tmm(7))),
                new Encoding(
                        "C4 E2 5A 5C F2", "tdpbf16ps tmm6,tmm2,tmm4",
                        code -> code.tdpbf16ps(new Tmm(6), new Tmm(2), new Tmm(4))));
    }
}
