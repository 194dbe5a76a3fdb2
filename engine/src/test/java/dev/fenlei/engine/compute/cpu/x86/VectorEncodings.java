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
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RDI;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RSI;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RSP;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Zmm;
import java.util.List;

/// The instructions of AVX-512. One-byte displacements count in units of the operand, 64 or 4 bytes; where that does
/// not come out even or is too far, there are four bytes.
final class VectorEncodings {

    private VectorEncodings() {}

    static List<Encoding> moves() {
        return List.of(
                new Encoding(
                        "62 F1 7C 48 10 07", "vmovups zmm0,ZMMWORD PTR [rdi]",
                        code -> code.vmovups(new Zmm(0), at(RDI))),
                new Encoding(
                        "62 F1 7C 48 10 7F 01", "vmovups zmm7,ZMMWORD PTR [rdi+0x40]",
                        code -> code.vmovups(new Zmm(7), at(RDI, 64))),
                new Encoding(
                        "62 51 7C 48 10 40 FF", "vmovups zmm8,ZMMWORD PTR [r8-0x40]",
                        code -> code.vmovups(new Zmm(8), at(R8, -64))),
                new Encoding(
                        "62 71 7C 48 10 7C 24 7F", "vmovups zmm15,ZMMWORD PTR [rsp+0x1fc0]",
                        code -> code.vmovups(new Zmm(15), at(RSP, 8128))),
                new Encoding(
                        "62 C1 7C 48 10 84 24 00 20 00 00", "vmovups zmm16,ZMMWORD PTR [r12+0x2000]",
                        code -> code.vmovups(new Zmm(16), at(R12, 8192))),
                new Encoding(
                        "62 E1 7C 48 10 7D 80", "vmovups zmm23,ZMMWORD PTR [rbp-0x2000]",
                        code -> code.vmovups(new Zmm(23), at(RBP, -8192))),
                new Encoding(
                        "62 41 7C 48 10 85 C0 DF FF FF", "vmovups zmm24,ZMMWORD PTR [r13-0x2040]",
                        code -> code.vmovups(new Zmm(24), at(R13, -8256))),
                new Encoding(
                        "62 61 7C 48 10 B8 20 00 00 00", "vmovups zmm31,ZMMWORD PTR [rax+0x20]",
                        code -> code.vmovups(new Zmm(31), at(RAX, 32))),
                new Encoding(
                        "62 F1 7C 48 10 AE 41 00 00 00", "vmovups zmm5,ZMMWORD PTR [rsi+0x41]",
                        code -> code.vmovups(new Zmm(5), at(RSI, 65))),
                new Encoding(
                        "62 61 7C 48 10 5D 00", "vmovups zmm27,ZMMWORD PTR [rbp+0x0]",
                        code -> code.vmovups(new Zmm(27), at(RBP))),
                new Encoding(
                        "62 D1 7C 48 10 45 00", "vmovups zmm0,ZMMWORD PTR [r13+0x0]",
                        code -> code.vmovups(new Zmm(0), at(R13))),
                new Encoding(
                        "62 F1 7C 48 10 3C 37", "vmovups zmm7,ZMMWORD PTR [rdi+rsi*1]",
                        code -> code.vmovups(new Zmm(7), at(RDI, RSI, 0))),
                new Encoding(
                        "62 51 7C 48 10 44 02 01", "vmovups zmm8,ZMMWORD PTR [r10+rax*1+0x40]",
                        code -> code.vmovups(new Zmm(8), at(R10, RAX, 64))),
                new Encoding(
                        "62 31 7C 48 10 7C 25 00", "vmovups zmm15,ZMMWORD PTR [rbp+r12*1+0x0]",
                        code -> code.vmovups(new Zmm(15), at(RBP, R12, 0))),
                new Encoding(
                        "62 81 7C 48 10 44 3D FF", "vmovups zmm16,ZMMWORD PTR [r13+r15*1-0x40]",
                        code -> code.vmovups(new Zmm(16), at(R13, R15, -64))),
                new Encoding(
                        "62 A1 7C 48 10 BC 04 40 20 00 00", "vmovups zmm23,ZMMWORD PTR [rsp+r8*1+0x2040]",
                        code -> code.vmovups(new Zmm(23), at(RSP, R8, 8256))),
                new Encoding(
                        "62 61 7C 48 10 44 77 02", "vmovups zmm24,ZMMWORD PTR [rdi+rsi*2+0x80]",
                        code -> code.vmovups(new Zmm(24), twice(RDI, RSI, 128))),
                new Encoding(
                        "62 01 7C 48 10 3C 4B", "vmovups zmm31,ZMMWORD PTR [r11+r9*2]",
                        code -> code.vmovups(new Zmm(31), twice(R11, R9, 0))),
                new Encoding(
                        "62 D1 7C 48 10 AC 6C BF FF FF FF", "vmovups zmm5,ZMMWORD PTR [r12+rbp*2-0x41]",
                        code -> code.vmovups(new Zmm(5), twice(R12, RBP, -65))),
                new Encoding(
                        "62 F1 7C 48 11 07", "vmovups ZMMWORD PTR [rdi],zmm0",
                        code -> code.vmovups(at(RDI), new Zmm(0))),
                new Encoding(
                        "62 F1 7C 48 11 7F 01", "vmovups ZMMWORD PTR [rdi+0x40],zmm7",
                        code -> code.vmovups(at(RDI, 64), new Zmm(7))),
                new Encoding(
                        "62 51 7C 48 11 40 FF", "vmovups ZMMWORD PTR [r8-0x40],zmm8",
                        code -> code.vmovups(at(R8, -64), new Zmm(8))),
                new Encoding(
                        "62 71 7C 48 11 7C 24 7F", "vmovups ZMMWORD PTR [rsp+0x1fc0],zmm15",
                        code -> code.vmovups(at(RSP, 8128), new Zmm(15))),
                new Encoding(
                        "62 C1 7C 48 11 84 24 00 20 00 00", "vmovups ZMMWORD PTR [r12+0x2000],zmm16",
                        code -> code.vmovups(at(R12, 8192), new Zmm(16))),
                new Encoding(
                        "62 E1 7C 48 11 7D 80", "vmovups ZMMWORD PTR [rbp-0x2000],zmm23",
                        code -> code.vmovups(at(RBP, -8192), new Zmm(23))),
                new Encoding(
                        "62 41 7C 48 11 85 C0 DF FF FF", "vmovups ZMMWORD PTR [r13-0x2040],zmm24",
                        code -> code.vmovups(at(R13, -8256), new Zmm(24))),
                new Encoding(
                        "62 61 7C 48 11 B8 20 00 00 00", "vmovups ZMMWORD PTR [rax+0x20],zmm31",
                        code -> code.vmovups(at(RAX, 32), new Zmm(31))),
                new Encoding(
                        "62 F1 7C 48 11 AE 41 00 00 00", "vmovups ZMMWORD PTR [rsi+0x41],zmm5",
                        code -> code.vmovups(at(RSI, 65), new Zmm(5))),
                new Encoding(
                        "62 61 7C 48 11 5D 00", "vmovups ZMMWORD PTR [rbp+0x0],zmm27",
                        code -> code.vmovups(at(RBP), new Zmm(27))),
                new Encoding(
                        "62 D1 7C 48 11 45 00", "vmovups ZMMWORD PTR [r13+0x0],zmm0",
                        code -> code.vmovups(at(R13), new Zmm(0))),
                new Encoding(
                        "62 F1 7C 48 11 3C 37", "vmovups ZMMWORD PTR [rdi+rsi*1],zmm7",
                        code -> code.vmovups(at(RDI, RSI, 0), new Zmm(7))),
                new Encoding(
                        "62 51 7C 48 11 44 02 01", "vmovups ZMMWORD PTR [r10+rax*1+0x40],zmm8",
                        code -> code.vmovups(at(R10, RAX, 64), new Zmm(8))),
                new Encoding(
                        "62 31 7C 48 11 7C 25 00", "vmovups ZMMWORD PTR [rbp+r12*1+0x0],zmm15",
                        code -> code.vmovups(at(RBP, R12, 0), new Zmm(15))),
                new Encoding(
                        "62 81 7C 48 11 44 3D FF", "vmovups ZMMWORD PTR [r13+r15*1-0x40],zmm16",
                        code -> code.vmovups(at(R13, R15, -64), new Zmm(16))),
                new Encoding(
                        "62 A1 7C 48 11 BC 04 40 20 00 00", "vmovups ZMMWORD PTR [rsp+r8*1+0x2040],zmm23",
                        code -> code.vmovups(at(RSP, R8, 8256), new Zmm(23))),
                new Encoding(
                        "62 61 7C 48 11 44 77 02", "vmovups ZMMWORD PTR [rdi+rsi*2+0x80],zmm24",
                        code -> code.vmovups(twice(RDI, RSI, 128), new Zmm(24))),
                new Encoding(
                        "62 01 7C 48 11 3C 4B", "vmovups ZMMWORD PTR [r11+r9*2],zmm31",
                        code -> code.vmovups(twice(R11, R9, 0), new Zmm(31))),
                new Encoding(
                        "62 D1 7C 48 11 AC 6C BF FF FF FF", "vmovups ZMMWORD PTR [r12+rbp*2-0x41],zmm5",
                        code -> code.vmovups(twice(R12, RBP, -65), new Zmm(5))),
                new Encoding(
                        "62 F2 7D 48 58 07", "vpbroadcastd zmm0,DWORD PTR [rdi]",
                        code -> code.vpbroadcastd(new Zmm(0), at(RDI))),
                new Encoding(
                        "62 F2 7D 48 58 7F 01", "vpbroadcastd zmm7,DWORD PTR [rdi+0x4]",
                        code -> code.vpbroadcastd(new Zmm(7), at(RDI, 4))),
                new Encoding(
                        "62 52 7D 48 58 40 FF", "vpbroadcastd zmm8,DWORD PTR [r8-0x4]",
                        code -> code.vpbroadcastd(new Zmm(8), at(R8, -4))),
                new Encoding(
                        "62 72 7D 48 58 7C 24 7F", "vpbroadcastd zmm15,DWORD PTR [rsp+0x1fc]",
                        code -> code.vpbroadcastd(new Zmm(15), at(RSP, 508))),
                new Encoding(
                        "62 C2 7D 48 58 84 24 00 02 00 00", "vpbroadcastd zmm16,DWORD PTR [r12+0x200]",
                        code -> code.vpbroadcastd(new Zmm(16), at(R12, 512))),
                new Encoding(
                        "62 E2 7D 48 58 7D 80", "vpbroadcastd zmm23,DWORD PTR [rbp-0x200]",
                        code -> code.vpbroadcastd(new Zmm(23), at(RBP, -512))),
                new Encoding(
                        "62 42 7D 48 58 85 FC FD FF FF", "vpbroadcastd zmm24,DWORD PTR [r13-0x204]",
                        code -> code.vpbroadcastd(new Zmm(24), at(R13, -516))),
                new Encoding(
                        "62 62 7D 48 58 B8 02 00 00 00", "vpbroadcastd zmm31,DWORD PTR [rax+0x2]",
                        code -> code.vpbroadcastd(new Zmm(31), at(RAX, 2))),
                new Encoding(
                        "62 F2 7D 48 58 AE 05 00 00 00", "vpbroadcastd zmm5,DWORD PTR [rsi+0x5]",
                        code -> code.vpbroadcastd(new Zmm(5), at(RSI, 5))),
                new Encoding(
                        "62 62 7D 48 58 5D 00", "vpbroadcastd zmm27,DWORD PTR [rbp+0x0]",
                        code -> code.vpbroadcastd(new Zmm(27), at(RBP))),
                new Encoding(
                        "62 D2 7D 48 58 45 00", "vpbroadcastd zmm0,DWORD PTR [r13+0x0]",
                        code -> code.vpbroadcastd(new Zmm(0), at(R13))),
                new Encoding(
                        "62 F2 7D 48 58 3C 37", "vpbroadcastd zmm7,DWORD PTR [rdi+rsi*1]",
                        code -> code.vpbroadcastd(new Zmm(7), at(RDI, RSI, 0))),
                new Encoding(
                        "62 52 7D 48 58 44 02 01", "vpbroadcastd zmm8,DWORD PTR [r10+rax*1+0x4]",
                        code -> code.vpbroadcastd(new Zmm(8), at(R10, RAX, 4))),
                new Encoding(
                        "62 32 7D 48 58 7C 25 00", "vpbroadcastd zmm15,DWORD PTR [rbp+r12*1+0x0]",
                        code -> code.vpbroadcastd(new Zmm(15), at(RBP, R12, 0))),
                new Encoding(
                        "62 82 7D 48 58 44 3D FF", "vpbroadcastd zmm16,DWORD PTR [r13+r15*1-0x4]",
                        code -> code.vpbroadcastd(new Zmm(16), at(R13, R15, -4))),
                new Encoding(
                        "62 A2 7D 48 58 BC 04 04 02 00 00", "vpbroadcastd zmm23,DWORD PTR [rsp+r8*1+0x204]",
                        code -> code.vpbroadcastd(new Zmm(23), at(RSP, R8, 516))),
                new Encoding(
                        "62 62 7D 48 58 44 77 02", "vpbroadcastd zmm24,DWORD PTR [rdi+rsi*2+0x8]",
                        code -> code.vpbroadcastd(new Zmm(24), twice(RDI, RSI, 8))),
                new Encoding(
                        "62 02 7D 48 58 3C 4B", "vpbroadcastd zmm31,DWORD PTR [r11+r9*2]",
                        code -> code.vpbroadcastd(new Zmm(31), twice(R11, R9, 0))),
                new Encoding(
                        "62 D2 7D 48 58 AC 6C FB FF FF FF", "vpbroadcastd zmm5,DWORD PTR [r12+rbp*2-0x5]",
                        code -> code.vpbroadcastd(new Zmm(5), twice(R12, RBP, -5))));
    }

    static List<Encoding> conversions() {
        return List.of(
                new Encoding(
                        "62 F2 7F 48 72 07", "vcvtne2ps2bf16 zmm0,zmm0,ZMMWORD PTR [rdi]",
                        code -> code.vcvtne2ps2bf16(new Zmm(0), new Zmm(0), at(RDI))),
                new Encoding(
                        "62 F2 07 40 72 7F 01", "vcvtne2ps2bf16 zmm7,zmm31,ZMMWORD PTR [rdi+0x40]",
                        code -> code.vcvtne2ps2bf16(new Zmm(7), new Zmm(31), at(RDI, 64))),
                new Encoding(
                        "62 52 7F 40 72 40 FF", "vcvtne2ps2bf16 zmm8,zmm16,ZMMWORD PTR [r8-0x40]",
                        code -> code.vcvtne2ps2bf16(new Zmm(8), new Zmm(16), at(R8, -64))),
                new Encoding(
                        "62 72 3F 48 72 7C 24 7F", "vcvtne2ps2bf16 zmm15,zmm8,ZMMWORD PTR [rsp+0x1fc0]",
                        code -> code.vcvtne2ps2bf16(new Zmm(15), new Zmm(8), at(RSP, 8128))),
                new Encoding(
                        "62 C2 07 48 72 84 24 00 20 00 00", "vcvtne2ps2bf16 zmm16,zmm15,ZMMWORD PTR [r12+0x2000]",
                        code -> code.vcvtne2ps2bf16(new Zmm(16), new Zmm(15), at(R12, 8192))),
                new Encoding(
                        "62 E2 47 48 72 7D 80", "vcvtne2ps2bf16 zmm23,zmm7,ZMMWORD PTR [rbp-0x2000]",
                        code -> code.vcvtne2ps2bf16(new Zmm(23), new Zmm(7), at(RBP, -8192))),
                new Encoding(
                        "62 42 3F 40 72 85 C0 DF FF FF", "vcvtne2ps2bf16 zmm24,zmm24,ZMMWORD PTR [r13-0x2040]",
                        code -> code.vcvtne2ps2bf16(new Zmm(24), new Zmm(24), at(R13, -8256))),
                new Encoding(
                        "62 62 47 40 72 B8 20 00 00 00", "vcvtne2ps2bf16 zmm31,zmm23,ZMMWORD PTR [rax+0x20]",
                        code -> code.vcvtne2ps2bf16(new Zmm(31), new Zmm(23), at(RAX, 32))),
                new Encoding(
                        "62 F2 77 48 72 AE 41 00 00 00", "vcvtne2ps2bf16 zmm5,zmm1,ZMMWORD PTR [rsi+0x41]",
                        code -> code.vcvtne2ps2bf16(new Zmm(5), new Zmm(1), at(RSI, 65))),
                new Encoding(
                        "62 62 0F 40 72 5D 00", "vcvtne2ps2bf16 zmm27,zmm30,ZMMWORD PTR [rbp+0x0]",
                        code -> code.vcvtne2ps2bf16(new Zmm(27), new Zmm(30), at(RBP))),
                new Encoding(
                        "62 D2 6F 48 72 45 00", "vcvtne2ps2bf16 zmm0,zmm2,ZMMWORD PTR [r13+0x0]",
                        code -> code.vcvtne2ps2bf16(new Zmm(0), new Zmm(2), at(R13))),
                new Encoding(
                        "62 F2 7F 48 72 3C 37", "vcvtne2ps2bf16 zmm7,zmm0,ZMMWORD PTR [rdi+rsi*1]",
                        code -> code.vcvtne2ps2bf16(new Zmm(7), new Zmm(0), at(RDI, RSI, 0))),
                new Encoding(
                        "62 52 07 40 72 44 02 01", "vcvtne2ps2bf16 zmm8,zmm31,ZMMWORD PTR [r10+rax*1+0x40]",
                        code -> code.vcvtne2ps2bf16(new Zmm(8), new Zmm(31), at(R10, RAX, 64))),
                new Encoding(
                        "62 32 7F 40 72 7C 25 00", "vcvtne2ps2bf16 zmm15,zmm16,ZMMWORD PTR [rbp+r12*1+0x0]",
                        code -> code.vcvtne2ps2bf16(new Zmm(15), new Zmm(16), at(RBP, R12, 0))),
                new Encoding(
                        "62 82 3F 48 72 44 3D FF", "vcvtne2ps2bf16 zmm16,zmm8,ZMMWORD PTR [r13+r15*1-0x40]",
                        code -> code.vcvtne2ps2bf16(new Zmm(16), new Zmm(8), at(R13, R15, -64))),
                new Encoding(
                        "62 A2 07 48 72 BC 04 40 20 00 00", "vcvtne2ps2bf16 zmm23,zmm15,ZMMWORD PTR [rsp+r8*1+0x2040]",
                        code -> code.vcvtne2ps2bf16(new Zmm(23), new Zmm(15), at(RSP, R8, 8256))),
                new Encoding(
                        "62 62 47 48 72 44 77 02", "vcvtne2ps2bf16 zmm24,zmm7,ZMMWORD PTR [rdi+rsi*2+0x80]",
                        code -> code.vcvtne2ps2bf16(new Zmm(24), new Zmm(7), twice(RDI, RSI, 128))),
                new Encoding(
                        "62 02 3F 40 72 3C 4B", "vcvtne2ps2bf16 zmm31,zmm24,ZMMWORD PTR [r11+r9*2]",
                        code -> code.vcvtne2ps2bf16(new Zmm(31), new Zmm(24), twice(R11, R9, 0))),
                new Encoding(
                        "62 D2 47 40 72 AC 6C BF FF FF FF", "vcvtne2ps2bf16 zmm5,zmm23,ZMMWORD PTR [r12+rbp*2-0x41]",
                        code -> code.vcvtne2ps2bf16(new Zmm(5), new Zmm(23), twice(R12, RBP, -65))));
    }

    static List<Encoding> ofThreeVectors() {
        return List.of(
                new Encoding(
                        "62 F1 7D 48 EF C0", "vpxord zmm0,zmm0,zmm0",
                        code -> code.vpxord(new Zmm(0), new Zmm(0), new Zmm(0))),
                new Encoding(
                        "62 F1 6D 48 EF CB", "vpxord zmm1,zmm2,zmm3",
                        code -> code.vpxord(new Zmm(1), new Zmm(2), new Zmm(3))),
                new Encoding(
                        "62 D1 3D 48 EF FF", "vpxord zmm7,zmm8,zmm15",
                        code -> code.vpxord(new Zmm(7), new Zmm(8), new Zmm(15))),
                new Encoding(
                        "62 31 45 48 EF C0", "vpxord zmm8,zmm7,zmm16",
                        code -> code.vpxord(new Zmm(8), new Zmm(7), new Zmm(16))),
                new Encoding(
                        "62 71 7D 40 EF FF", "vpxord zmm15,zmm16,zmm7",
                        code -> code.vpxord(new Zmm(15), new Zmm(16), new Zmm(7))),
                new Encoding(
                        "62 C1 05 48 EF C0", "vpxord zmm16,zmm15,zmm8",
                        code -> code.vpxord(new Zmm(16), new Zmm(15), new Zmm(8))),
                new Encoding(
                        "62 81 3D 40 EF FF", "vpxord zmm23,zmm24,zmm31",
                        code -> code.vpxord(new Zmm(23), new Zmm(24), new Zmm(31))),
                new Encoding(
                        "62 21 05 40 EF C7", "vpxord zmm24,zmm31,zmm23",
                        code -> code.vpxord(new Zmm(24), new Zmm(31), new Zmm(23))),
                new Encoding(
                        "62 01 05 40 EF FF", "vpxord zmm31,zmm31,zmm31",
                        code -> code.vpxord(new Zmm(31), new Zmm(31), new Zmm(31))),
                new Encoding(
                        "62 61 7D 48 EF F8", "vpxord zmm31,zmm0,zmm0",
                        code -> code.vpxord(new Zmm(31), new Zmm(0), new Zmm(0))),
                new Encoding(
                        "62 F1 05 40 EF C0", "vpxord zmm0,zmm31,zmm0",
                        code -> code.vpxord(new Zmm(0), new Zmm(31), new Zmm(0))),
                new Encoding(
                        "62 91 7D 48 EF C7", "vpxord zmm0,zmm0,zmm31",
                        code -> code.vpxord(new Zmm(0), new Zmm(0), new Zmm(31))),
                new Encoding(
                        "62 F2 7D 48 B8 C0", "vfmadd231ps zmm0,zmm0,zmm0",
                        code -> code.vfmadd231ps(new Zmm(0), new Zmm(0), new Zmm(0))),
                new Encoding(
                        "62 F2 6D 48 B8 CB", "vfmadd231ps zmm1,zmm2,zmm3",
                        code -> code.vfmadd231ps(new Zmm(1), new Zmm(2), new Zmm(3))),
                new Encoding(
                        "62 D2 3D 48 B8 FF", "vfmadd231ps zmm7,zmm8,zmm15",
                        code -> code.vfmadd231ps(new Zmm(7), new Zmm(8), new Zmm(15))),
                new Encoding(
                        "62 32 45 48 B8 C0", "vfmadd231ps zmm8,zmm7,zmm16",
                        code -> code.vfmadd231ps(new Zmm(8), new Zmm(7), new Zmm(16))),
                new Encoding(
                        "62 72 7D 40 B8 FF", "vfmadd231ps zmm15,zmm16,zmm7",
                        code -> code.vfmadd231ps(new Zmm(15), new Zmm(16), new Zmm(7))),
                new Encoding(
                        "62 C2 05 48 B8 C0", "vfmadd231ps zmm16,zmm15,zmm8",
                        code -> code.vfmadd231ps(new Zmm(16), new Zmm(15), new Zmm(8))),
                new Encoding(
                        "62 82 3D 40 B8 FF", "vfmadd231ps zmm23,zmm24,zmm31",
                        code -> code.vfmadd231ps(new Zmm(23), new Zmm(24), new Zmm(31))),
                new Encoding(
                        "62 22 05 40 B8 C7", "vfmadd231ps zmm24,zmm31,zmm23",
                        code -> code.vfmadd231ps(new Zmm(24), new Zmm(31), new Zmm(23))),
                new Encoding(
                        "62 02 05 40 B8 FF", "vfmadd231ps zmm31,zmm31,zmm31",
                        code -> code.vfmadd231ps(new Zmm(31), new Zmm(31), new Zmm(31))),
                new Encoding(
                        "62 62 7D 48 B8 F8", "vfmadd231ps zmm31,zmm0,zmm0",
                        code -> code.vfmadd231ps(new Zmm(31), new Zmm(0), new Zmm(0))),
                new Encoding(
                        "62 F2 05 40 B8 C0", "vfmadd231ps zmm0,zmm31,zmm0",
                        code -> code.vfmadd231ps(new Zmm(0), new Zmm(31), new Zmm(0))),
                new Encoding(
                        "62 92 7D 48 B8 C7", "vfmadd231ps zmm0,zmm0,zmm31",
                        code -> code.vfmadd231ps(new Zmm(0), new Zmm(0), new Zmm(31))),
                new Encoding(
                        "62 F2 7E 48 52 C0", "vdpbf16ps zmm0,zmm0,zmm0",
                        code -> code.vdpbf16ps(new Zmm(0), new Zmm(0), new Zmm(0))),
                new Encoding(
                        "62 F2 6E 48 52 CB", "vdpbf16ps zmm1,zmm2,zmm3",
                        code -> code.vdpbf16ps(new Zmm(1), new Zmm(2), new Zmm(3))),
                new Encoding(
                        "62 D2 3E 48 52 FF", "vdpbf16ps zmm7,zmm8,zmm15",
                        code -> code.vdpbf16ps(new Zmm(7), new Zmm(8), new Zmm(15))),
                new Encoding(
                        "62 32 46 48 52 C0", "vdpbf16ps zmm8,zmm7,zmm16",
                        code -> code.vdpbf16ps(new Zmm(8), new Zmm(7), new Zmm(16))),
                new Encoding(
                        "62 72 7E 40 52 FF", "vdpbf16ps zmm15,zmm16,zmm7",
                        code -> code.vdpbf16ps(new Zmm(15), new Zmm(16), new Zmm(7))),
                new Encoding(
                        "62 C2 06 48 52 C0", "vdpbf16ps zmm16,zmm15,zmm8",
                        code -> code.vdpbf16ps(new Zmm(16), new Zmm(15), new Zmm(8))),
                new Encoding(
                        "62 82 3E 40 52 FF", "vdpbf16ps zmm23,zmm24,zmm31",
                        code -> code.vdpbf16ps(new Zmm(23), new Zmm(24), new Zmm(31))),
                new Encoding(
                        "62 22 06 40 52 C7", "vdpbf16ps zmm24,zmm31,zmm23",
                        code -> code.vdpbf16ps(new Zmm(24), new Zmm(31), new Zmm(23))),
                new Encoding(
                        "62 02 06 40 52 FF", "vdpbf16ps zmm31,zmm31,zmm31",
                        code -> code.vdpbf16ps(new Zmm(31), new Zmm(31), new Zmm(31))),
                new Encoding(
                        "62 62 7E 48 52 F8", "vdpbf16ps zmm31,zmm0,zmm0",
                        code -> code.vdpbf16ps(new Zmm(31), new Zmm(0), new Zmm(0))),
                new Encoding(
                        "62 F2 06 40 52 C0", "vdpbf16ps zmm0,zmm31,zmm0",
                        code -> code.vdpbf16ps(new Zmm(0), new Zmm(31), new Zmm(0))),
                new Encoding(
                        "62 92 7E 48 52 C7", "vdpbf16ps zmm0,zmm0,zmm31",
                        code -> code.vdpbf16ps(new Zmm(0), new Zmm(0), new Zmm(31))));
    }

    static List<Encoding> plain() {
        return List.of(
                new Encoding("C5 F8 77", "vzeroupper", code -> code.vzeroupper()));
    }
}
