package dev.fenlei.engine.compute.cpu.x86;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/// One instruction, decoded.
///
/// @param offset where it begins in the code
/// @param end where the next one begins
record Instruction(int offset, int end, Operation operation, List<Operand> operands) {

    /// Everything that [Assembler] can write, by its name in the manual.
    enum Operation {
        PUSH,
        POP,
        MOV,
        MOVABS,
        ADD,
        SUB,
        OR,
        XOR,
        SHL,
        LEA,
        CPUID,
        XGETBV,
        JNE,
        RET,
        VMOVUPS,
        VPXORD,
        VPBROADCASTD,
        VFMADD231PS,
        VDPBF16PS,
        VCVTNE2PS2BF16,
        VZEROUPPER,
        LDTILECFG,
        TILERELEASE,
        TILEZERO,
        TILELOADD,
        TILESTORED,
        TDPBF16PS
    }

    Operand first() {
        return operands.get(0);
    }

    Operand second() {
        return operands.get(1);
    }

    Operand third() {
        return operands.get(2);
    }

    /// In Intel's syntax.
    String text() {
        String name = operation.name().toLowerCase(Locale.ROOT);
        return operands.isEmpty()
                ? name
                : name + " " + operands.stream().map(Operand::toString).collect(Collectors.joining(","));
    }
}
