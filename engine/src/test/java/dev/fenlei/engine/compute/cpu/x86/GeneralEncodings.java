package dev.fenlei.engine.compute.cpu.x86;

import static dev.fenlei.engine.compute.cpu.x86.Assembler.Address.at;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Address.twice;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R10;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R12;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R13;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R15;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R8;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.R9;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RAX;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RBP;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RBX;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RCX;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RDI;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RDX;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RSI;
import static dev.fenlei.engine.compute.cpu.x86.Assembler.Register.RSP;

import java.util.List;

/// General registers, memory, and the instructions without operands.
final class GeneralEncodings {

    private GeneralEncodings() {}

    static List<Encoding> stackAndMoves() {
        return List.of(
                new Encoding("50", "push rax", code -> code.push(RAX)),
                new Encoding("53", "push rbx", code -> code.push(RBX)),
                new Encoding("54", "push rsp", code -> code.push(RSP)),
                new Encoding("55", "push rbp", code -> code.push(RBP)),
                new Encoding("57", "push rdi", code -> code.push(RDI)),
                new Encoding("41 50", "push r8", code -> code.push(R8)),
                new Encoding("41 54", "push r12", code -> code.push(R12)),
                new Encoding("41 55", "push r13", code -> code.push(R13)),
                new Encoding("41 57", "push r15", code -> code.push(R15)),
                new Encoding("58", "pop rax", code -> code.pop(RAX)),
                new Encoding("5B", "pop rbx", code -> code.pop(RBX)),
                new Encoding("5C", "pop rsp", code -> code.pop(RSP)),
                new Encoding("5D", "pop rbp", code -> code.pop(RBP)),
                new Encoding("5F", "pop rdi", code -> code.pop(RDI)),
                new Encoding("41 58", "pop r8", code -> code.pop(R8)),
                new Encoding("41 5C", "pop r12", code -> code.pop(R12)),
                new Encoding("41 5D", "pop r13", code -> code.pop(R13)),
                new Encoding("41 5F", "pop r15", code -> code.pop(R15)),
                new Encoding("48 89 C8", "mov rax,rcx", code -> code.mov(RAX, RCX)),
                new Encoding("4C 89 FF", "mov rdi,r15", code -> code.mov(RDI, R15)),
                new Encoding("49 89 F0", "mov r8,rsi", code -> code.mov(R8, RSI)),
                new Encoding("4D 89 EC", "mov r12,r13", code -> code.mov(R12, R13)),
                new Encoding("48 89 EC", "mov rsp,rbp", code -> code.mov(RSP, RBP)),
                new Encoding("48 89 E5", "mov rbp,rsp", code -> code.mov(RBP, RSP)),
                new Encoding("48 B8 00 00 00 00 00 00 00 00", "movabs rax,0x0", code -> code.mov(RAX, 0L)),
                new Encoding("48 B8 80 00 00 00 00 00 00 00", "movabs rax,0x80", code -> code.mov(RAX, 128L)),
                new Encoding(
                        "49 BA F0 DE BC 9A 78 56 34 12", "movabs r10,0x123456789abcdef0",
                        code -> code.mov(R10, 0x1234_5678_9ABC_DEF0L)),
                new Encoding(
                        "49 BF FF FF FF FF FF FF FF FF", "movabs r15,0xffffffffffffffff",
                        code -> code.mov(R15, -1L)),
                new Encoding(
                        "48 BC FF FF FF FF FF FF FF 7F", "movabs rsp,0x7fffffffffffffff",
                        code -> code.mov(RSP, Long.MAX_VALUE)),
                new Encoding(
                        "48 BF FF FF FF FF 00 00 00 00", "movabs rdi,0xffffffff",
                        code -> code.mov(RDI, 0xFFFF_FFFFL)),
                new Encoding(
                        "49 BC 00 00 00 00 00 00 00 80", "movabs r12,0x8000000000000000",
                        code -> code.mov(R12, Long.MIN_VALUE)));
    }

    static List<Encoding> arithmetic() {
        return List.of(
                new Encoding("48 01 C8", "add rax,rcx", code -> code.add(RAX, RCX)),
                new Encoding("4C 01 FF", "add rdi,r15", code -> code.add(RDI, R15)),
                new Encoding("49 01 F0", "add r8,rsi", code -> code.add(R8, RSI)),
                new Encoding("4D 01 EC", "add r12,r13", code -> code.add(R12, R13)),
                new Encoding("48 01 EC", "add rsp,rbp", code -> code.add(RSP, RBP)),
                new Encoding("48 01 E5", "add rbp,rsp", code -> code.add(RBP, RSP)),
                new Encoding("48 81 C0 01 00 00 00", "add rax,0x1", code -> code.add(RAX, 1)),
                new Encoding("48 81 C7 80 00 00 00", "add rdi,0x80", code -> code.add(RDI, 128)),
                new Encoding("49 81 C0 FF FF FF FF", "add r8,0xffffffffffffffff", code -> code.add(R8, -1)),
                new Encoding("48 81 C4 80 FF FF FF", "add rsp,0xffffffffffffff80", code -> code.add(RSP, -128)),
                new Encoding("49 81 C5 FF FF FF 7F", "add r13,0x7fffffff", code -> code.add(R13, Integer.MAX_VALUE)),
                new Encoding(
                        "48 81 C5 00 00 00 80", "add rbp,0xffffffff80000000",
                        code -> code.add(RBP, Integer.MIN_VALUE)),
                new Encoding("49 81 C7 78 56 34 12", "add r15,0x12345678", code -> code.add(R15, 0x12345678)),
                new Encoding("48 09 C8", "or rax,rcx", code -> code.or(RAX, RCX)),
                new Encoding("4C 09 FF", "or rdi,r15", code -> code.or(RDI, R15)),
                new Encoding("49 09 F0", "or r8,rsi", code -> code.or(R8, RSI)),
                new Encoding("4D 09 EC", "or r12,r13", code -> code.or(R12, R13)),
                new Encoding("48 09 EC", "or rsp,rbp", code -> code.or(RSP, RBP)),
                new Encoding("48 09 E5", "or rbp,rsp", code -> code.or(RBP, RSP)),
                new Encoding("48 31 C8", "xor rax,rcx", code -> code.xor(RAX, RCX)),
                new Encoding("4C 31 FF", "xor rdi,r15", code -> code.xor(RDI, R15)),
                new Encoding("49 31 F0", "xor r8,rsi", code -> code.xor(R8, RSI)),
                new Encoding("4D 31 EC", "xor r12,r13", code -> code.xor(R12, R13)),
                new Encoding("48 31 EC", "xor rsp,rbp", code -> code.xor(RSP, RBP)),
                new Encoding("48 31 E5", "xor rbp,rsp", code -> code.xor(RBP, RSP)),
                new Encoding("48 81 E8 01 00 00 00", "sub rax,0x1", code -> code.sub(RAX, 1)),
                new Encoding("48 81 EF 80 00 00 00", "sub rdi,0x80", code -> code.sub(RDI, 128)),
                new Encoding("49 81 E8 FF FF FF FF", "sub r8,0xffffffffffffffff", code -> code.sub(R8, -1)),
                new Encoding("48 81 EC 80 FF FF FF", "sub rsp,0xffffffffffffff80", code -> code.sub(RSP, -128)),
                new Encoding("49 81 ED FF FF FF 7F", "sub r13,0x7fffffff", code -> code.sub(R13, Integer.MAX_VALUE)),
                new Encoding(
                        "48 81 ED 00 00 00 80", "sub rbp,0xffffffff80000000",
                        code -> code.sub(RBP, Integer.MIN_VALUE)),
                new Encoding("49 81 EF 78 56 34 12", "sub r15,0x12345678", code -> code.sub(R15, 0x12345678)),
                new Encoding("48 C1 E0 04", "shl rax,0x4", code -> code.shl(RAX, 4)),
                new Encoding("48 C1 E2 20", "shl rdx,0x20", code -> code.shl(RDX, 32)),
                new Encoding("48 C1 E4 03", "shl rsp,0x3", code -> code.shl(RSP, 3)),
                new Encoding("49 C1 E2 05", "shl r10,0x5", code -> code.shl(R10, 5)),
                new Encoding("49 C1 E7 3F", "shl r15,0x3f", code -> code.shl(R15, 63)));
    }

    static List<Encoding> addresses() {
        return List.of(
                new Encoding("48 8D 00", "lea rax,[rax]", code -> code.lea(RAX, at(RAX))),
                new Encoding("4C 8D 04 24", "lea r8,[rsp]", code -> code.lea(R8, at(RSP))),
                new Encoding("48 8D 65 00", "lea rsp,[rbp+0x0]", code -> code.lea(RSP, at(RBP))),
                new Encoding("4D 8D 3C 24", "lea r15,[r12]", code -> code.lea(R15, at(R12))),
                new Encoding("49 8D 7D 00", "lea rdi,[r13+0x0]", code -> code.lea(RDI, at(R13))),
                new Encoding("4C 8D 67 7F", "lea r12,[rdi+0x7f]", code -> code.lea(R12, at(RDI, 127))),
                new Encoding("4C 8D AF 80 00 00 00", "lea r13,[rdi+0x80]", code -> code.lea(R13, at(RDI, 128))),
                new Encoding("48 8D 6E 80", "lea rbp,[rsi-0x80]", code -> code.lea(RBP, at(RSI, -128))),
                new Encoding("49 8D 80 7F FF FF FF", "lea rax,[r8-0x81]", code -> code.lea(RAX, at(R8, -129))),
                new Encoding("4C 8D 44 24 08", "lea r8,[rsp+0x8]", code -> code.lea(R8, at(RSP, 8))),
                new Encoding("49 8D 64 24 FC", "lea rsp,[r12-0x4]", code -> code.lea(RSP, at(R12, -4))),
                new Encoding(
                        "4C 8D BD 78 56 34 12", "lea r15,[rbp+0x12345678]",
                        code -> code.lea(R15, at(RBP, 305419896))),
                new Encoding("48 8D 3C 08", "lea rdi,[rax+rcx*1]", code -> code.lea(RDI, at(RAX, RCX, 0))),
                new Encoding("4C 8D 64 05 00", "lea r12,[rbp+rax*1+0x0]", code -> code.lea(R12, at(RBP, RAX, 0))),
                new Encoding("4F 8D 6C 25 00", "lea r13,[r13+r12*1+0x0]", code -> code.lea(R13, at(R13, R12, 0))),
                new Encoding("48 8D 6C 2C FC", "lea rbp,[rsp+rbp*1-0x4]", code -> code.lea(RBP, at(RSP, RBP, -4))),
                new Encoding("4B 8D 44 3C 08", "lea rax,[r12+r15*1+0x8]", code -> code.lea(RAX, at(R12, R15, 8))),
                new Encoding(
                        "4E 8D 84 07 E8 03 00 00", "lea r8,[rdi+r8*1+0x3e8]",
                        code -> code.lea(R8, at(RDI, R8, 1000))),
                new Encoding("48 8D 24 76", "lea rsp,[rsi+rsi*2]", code -> code.lea(RSP, twice(RSI, RSI, 0))),
                new Encoding("4E 8D 7C 65 00", "lea r15,[rbp+r12*2+0x0]", code -> code.lea(R15, twice(RBP, R12, 0))),
                new Encoding(
                        "4B 8D BC 48 88 A9 CB ED", "lea rdi,[r8+r9*2-0x12345678]",
                        code -> code.lea(RDI, twice(R8, R9, -305419896))),
                new Encoding(
                        "4D 8D 64 7D 7F", "lea r12,[r13+rdi*2+0x7f]",
                        code -> code.lea(R12, twice(R13, RDI, 127))),
                new Encoding("41 89 00", "mov DWORD PTR [r8],eax", code -> code.movd(at(R8), RAX)),
                new Encoding("41 89 58 04", "mov DWORD PTR [r8+0x4],ebx", code -> code.movd(at(R8, 4), RBX)),
                new Encoding("89 17", "mov DWORD PTR [rdi],edx", code -> code.movd(at(RDI), RDX)),
                new Encoding("89 0C 24", "mov DWORD PTR [rsp],ecx", code -> code.movd(at(RSP), RCX)),
                new Encoding("89 65 00", "mov DWORD PTR [rbp+0x0],esp", code -> code.movd(at(RBP), RSP)),
                new Encoding("45 89 4C 24 0C", "mov DWORD PTR [r12+0xc],r9d", code -> code.movd(at(R12, 12), R9)),
                new Encoding("45 89 7D 00", "mov DWORD PTR [r13+0x0],r15d", code -> code.movd(at(R13), R15)),
                new Encoding("44 89 46 80", "mov DWORD PTR [rsi-0x80],r8d", code -> code.movd(at(RSI, -128), R8)),
                new Encoding(
                        "89 B8 7C FF FF FF", "mov DWORD PTR [rax-0x84],edi",
                        code -> code.movd(at(RAX, -132), RDI)),
                new Encoding(
                        "89 A9 00 10 00 00", "mov DWORD PTR [rcx+0x1000],ebp",
                        code -> code.movd(at(RCX, 4096), RBP)));
    }

    static List<Encoding> plain() {
        return List.of(
                new Encoding("0F A2", "cpuid", code -> code.cpuid()),
                new Encoding("0F 01 D0", "xgetbv", code -> code.xgetbv()),
                new Encoding("C3", "ret", code -> code.ret()));
    }
}
