package dev.fenlei.engine.compute.cpu.x86;

import dev.fenlei.engine.compute.cpu.x86.Instruction.Operation;
import dev.fenlei.engine.compute.cpu.x86.Operand.General;
import dev.fenlei.engine.compute.cpu.x86.Operand.Immediate;
import dev.fenlei.engine.compute.cpu.x86.Operand.Place;
import dev.fenlei.engine.compute.cpu.x86.Operand.Tile;
import dev.fenlei.engine.compute.cpu.x86.Operand.Vector;
import java.util.ArrayList;
import java.util.List;

/// Reads x86-64 machine code: the instructions that [Assembler] writes, in its encodings, but without any of its code.
/// Everything else is a fault, even where a processor would know it.
///
/// See Intel, *Architectures Software Developer's Manual*, volume 2, chapter 2 for the prefixes, ModRM and SIB.
final class Decoder {

    private static final int MODRM_REGISTER = 3;
    private static final int NO_PREFIX = 0;
    private static final int PREFIX_66 = 1;
    private static final int PREFIX_F3 = 2;
    private static final int PREFIX_F2 = 3;

    private final byte[] code;
    private final int start;
    private int position;

    // The prefix: the upper bits of the register numbers, already brought to their places, and what chooses the operation.
    private boolean wide;
    private int reg;
    private int index;
    private int rm;
    private int second;
    private int prefix;

    // ModRM.
    private int mode;
    private int regField;
    private int rmField;

    private Decoder(byte[] code, int start) {
        this.code = code;
        this.start = start;
        position = start;
    }

    /// The instruction at `offset`.
    ///
    /// @throws EmulationFault if there is none that the assembler could have written
    static Instruction decode(byte[] code, int offset) {
        return new Decoder(code, offset).decode();
    }

    /// All instructions, one after the other.
    static List<Instruction> decode(byte[] code) {
        List<Instruction> all = new ArrayList<>();
        for (int offset = 0; offset < code.length; offset = all.getLast().end()) {
            all.add(decode(code, offset));
        }
        return all;
    }

    private Instruction decode() {
        int first = next();
        return switch (first) {
            case 0x62 -> evex();
            case 0xC4 -> vex();
            case 0xC5 -> {
                expect(0xF8);
                expect(0x77);
                yield instruction(Operation.VZEROUPPER);
            }
            default -> {
                boolean rex = (first & 0xF0) == 0x40;
                if (rex) {
                    wide = (first & 8) != 0;
                    reg = (first & 4) << 1;
                    index = (first & 2) << 2;
                    rm = (first & 1) << 3;
                }
                Instruction found = legacy(rex ? next() : first);
                require(!rex || wide || reg + index + rm != 0, "a prefix that says nothing");
                yield found;
            }
        };
    }

    // Instructions of general registers.

    private Instruction legacy(int opcode) {
        return switch (opcode) {
            case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 -> stack(Operation.PUSH, opcode);
            case 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F -> stack(Operation.POP, opcode);
            case 0x01 -> general(Operation.ADD);
            case 0x09 -> general(Operation.OR);
            case 0x31 -> general(Operation.XOR);
            case 0x89 -> wide ? general(Operation.MOV) : store();
            case 0x81 -> {
                General to = wideRegister();
                require(reg == 0, "a prefix that says nothing");
                require(regField == 0 || regField == 5, "operation " + regField + " with a constant");
                yield instruction(regField == 0 ? Operation.ADD : Operation.SUB, to, new Immediate(int32()));
            }
            case 0xC1 -> {
                General to = wideRegister();
                require(reg == 0, "a prefix that says nothing");
                require(regField == 4, "shift " + regField);
                int count = next();
                require(count < 64, "a shift by " + count);
                yield instruction(Operation.SHL, to, new Immediate(count));
            }
            case 0x8D -> {
                require(wide, "an address of 32 bits");
                modRm();
                yield instruction(Operation.LEA, new General(reg | regField, 64), place(1, 0));
            }
            case 0xB8, 0xB9, 0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF -> {
                require(wide && reg + index == 0, "a constant of 32 bits");
                long low = int32() & 0xFFFF_FFFFL;
                yield instruction(
                        Operation.MOVABS, new General(rm | opcode & 7, 64), new Immediate((long) int32() << 32 | low));
            }
            case 0xC3 -> plain(Operation.RET);
            case 0x0F -> switch (next()) {
                case 0xA2 -> plain(Operation.CPUID);
                case 0x01 -> {
                    expect(0xD0);
                    yield plain(Operation.XGETBV);
                }
                case 0x85 -> {
                    long target = int32() + (long) position;
                    require(target >= 0 && target <= start, "a jump that leads not back");
                    yield plain(Operation.JNE, new Immediate(target));
                }
                default -> throw unknown();
            };
            default -> throw unknown();
        };
    }

    private Instruction plain(Operation operation, Operand... operands) {
        require(!wide && reg + index + rm == 0, "a prefix that says nothing");
        return instruction(operation, operands);
    }

    private Instruction stack(Operation operation, int opcode) {
        require(!wide && reg + index == 0, "a prefix that says nothing");
        return instruction(operation, new General(rm | opcode & 7, 64));
    }

    private Instruction general(Operation operation) {
        General to = wideRegister();
        return instruction(operation, to, new General(reg | regField, 64));
    }

    private Instruction store() {
        modRm();
        Place to = place(1, 4);
        require(to.index() == Place.NONE, "an index");
        return instruction(Operation.MOV, to, new General(reg | regField, 32));
    }

    private General wideRegister() {
        require(wide, "a register of 32 bits");
        require(index == 0, "an index without an address");
        modRm();
        require(mode == MODRM_REGISTER, "an address");
        return new General(rm | rmField, 64);
    }

    // AVX-512.

    private Instruction evex() {
        int first = next();
        require((first & 0x0C) == 0, "reserved bits");
        // The register bits are inverted. A vector's fifth bit is on the index' place.
        reg = (~first & 0x80) >> 4 | ~first & 0x10;
        index = (~first & 0x40) >> 3;
        rm = (~first & 0x20) >> 2;
        int map = first & 3;
        int middle = next();
        require((middle & 0x84) == 4, "64-bit lanes");
        prefix = middle & 3;
        int last = next();
        require((last & 0xF7) == 0x40, "a mask, a broadcast or another length than 512 bits");
        second = (~middle & 0x78) >> 3 | (~last & 8) << 1;
        int opcode = next();
        modRm();
        Vector vector = new Vector(reg | regField);
        return switch (prefix << 16 | map << 8 | opcode) {
            case NO_PREFIX << 16 | 0x110 -> instruction(Operation.VMOVUPS, vector, vectorPlace(64));
            case NO_PREFIX << 16 | 0x111 -> instruction(Operation.VMOVUPS, vectorPlace(64), vector);
            case PREFIX_66 << 16 | 0x1EF -> threeVectors(Operation.VPXORD);
            case PREFIX_66 << 16 | 0x258 -> instruction(Operation.VPBROADCASTD, vector, vectorPlace(4));
            case PREFIX_66 << 16 | 0x2B8 -> threeVectors(Operation.VFMADD231PS);
            case PREFIX_F3 << 16 | 0x252 -> threeVectors(Operation.VDPBF16PS);
            case PREFIX_F2 << 16 | 0x272 -> {
                Vector high = new Vector(second);
                second = 0;
                yield instruction(Operation.VCVTNE2PS2BF16, vector, high, vectorPlace(64));
            }
            default -> throw unknown();
        };
    }

    private Instruction threeVectors(Operation operation) {
        require(mode == MODRM_REGISTER, "an address");
        return instruction(
                operation, new Vector(reg | regField), new Vector(second), new Vector(index << 1 | rm | rmField));
    }

    private Place vectorPlace(int bytes) {
        require(second == 0, "a second register");
        return place(bytes, bytes);
    }

    // AMX.

    private Instruction vex() {
        int first = next();
        require((first & 0x9F) == 0x82, "another opcode map, or a tile above 7");
        index = (~first & 0x40) >> 3;
        rm = (~first & 0x20) >> 2;
        int last = next();
        require((last & 0x84) == 0, "64-bit operands or 256 bits");
        second = (~last & 0x78) >> 3;
        prefix = last & 3;
        int opcode = next();
        modRm();
        boolean register = mode == MODRM_REGISTER;
        require(!register || index + rm == 0, "a tile above 7");
        require(second == 0 || opcode == 0x5C, "a second register");
        Tile tile = new Tile(regField);
        return switch (prefix << 8 | opcode) {
            case NO_PREFIX << 8 | 0x49 -> {
                require(regField == 0, "a register");
                require(!register || rmField == 0, "a register");
                yield register ? instruction(Operation.TILERELEASE) : instruction(Operation.LDTILECFG, place(1, 0));
            }
            case PREFIX_F2 << 8 | 0x49 -> {
                require(register && rmField == 0, "an address");
                yield instruction(Operation.TILEZERO, tile);
            }
            case PREFIX_F2 << 8 | 0x4B -> instruction(Operation.TILELOADD, tile, rows());
            case PREFIX_F3 << 8 | 0x4B -> instruction(Operation.TILESTORED, rows(), tile);
            case PREFIX_F3 << 8 | 0x5C -> {
                require(register, "an address");
                require(second < 8, "a tile above 7");
                yield instruction(Operation.TDPBF16PS, tile, new Tile(rmField), new Tile(second));
            }
            default -> throw unknown();
        };
    }

    /// A tile's rows in memory: the index is the distance of the rows, so that it must be there.
    private Place rows() {
        Place rows = place(1, 0);
        require(rows.index() != Place.NONE, "rows without a distance");
        return rows;
    }

    // Bytes.

    private void modRm() {
        int value = next();
        mode = value >> 6;
        regField = value >> 3 & 7;
        rmField = value & 7;
    }

    /// Reads SIB and displacement. A displacement of one byte counts in units of `scale` bytes.
    private Place place(int scale, int bytes) {
        require(mode != MODRM_REGISTER, "a register instead of an address");
        int base = rmField;
        int indexRegister = Place.NONE;
        int factor = 1;
        if (rmField == 4) {
            int sib = next();
            base = sib & 7;
            factor = 1 << (sib >> 6);
            int number = index | sib >> 3 & 7;
            // The number of rsp stands for no index.
            indexRegister = number == 4 ? Place.NONE : number;
            require(factor <= (number == 4 ? 1 : 2), "a factor of " + factor);
        } else {
            require(index == 0, "an index without SIB");
        }
        require(mode != 0 || base != 5, "an address without a base");
        int displacement = switch (mode) {
            case 1 -> (byte) next() * scale;
            case 2 -> int32();
            default -> 0;
        };
        return new Place(rm | base, indexRegister, factor, displacement, bytes);
    }

    private int next() {
        if (position >= code.length) {
            throw new EmulationFault(start, "the code ends here");
        }
        return code[position++] & 0xFF;
    }

    private int int32() {
        return next() | next() << 8 | next() << 16 | next() << 24;
    }

    private Instruction instruction(Operation operation, Operand... operands) {
        return new Instruction(start, position, operation, List.of(operands));
    }

    private void expect(int value) {
        if (next() != value) {
            throw unknown();
        }
    }

    private void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new EmulationFault(start, "an encoding that the assembler does not write: " + otherwise);
        }
    }

    private EmulationFault unknown() {
        return new EmulationFault(start, "an unknown instruction");
    }
}
