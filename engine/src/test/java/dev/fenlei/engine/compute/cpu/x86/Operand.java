package dev.fenlei.engine.compute.cpu.x86;

/// What an instruction works on. The text of an operand is in Intel's syntax, as disassemblers write it.
sealed interface Operand {

    /// A general register, by its number in the encoding, and how many of its bits take part: 64 or 32.
    record General(int number, int bits) implements Operand {

        private static final String[] NAMES = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};

        @Override
        public String toString() {
            if (number < 8) {
                return (bits == 64 ? "r" : "e") + NAMES[number];
            }
            return "r" + number + (bits == 64 ? "" : "d");
        }
    }

    /// A vector register of 512 bits.
    record Vector(int number) implements Operand {
        @Override
        public String toString() {
            return "zmm" + number;
        }
    }

    /// A tile register.
    record Tile(int number) implements Operand {
        @Override
        public String toString() {
            return "tmm" + number;
        }
    }

    /// The memory at `base + scale·index + displacement`.
    ///
    /// @param index a register, or [#NONE]
    /// @param bytes how many are read or written: 64, 4, or 0 if the instruction itself says that
    record Place(int base, int index, int scale, int displacement, int bytes) implements Operand {

        static final int NONE = -1;

        @Override
        public String toString() {
            String size = switch (bytes) {
                case 64 -> "ZMMWORD PTR ";
                case 4 -> "DWORD PTR ";
                default -> "";
            };
            String indexed = index == NONE ? "" : "+" + new General(index, 64) + "*" + scale;
            // Bases rbp and r13 cannot be encoded without a displacement.
            boolean shown = displacement != 0 || (base & 7) == 5;
            String moved = !shown
                    ? ""
                    : displacement < 0 ? "-" + hex(-(long) displacement) : "+" + hex(displacement);
            return size + "[" + new General(base, 64) + indexed + moved + "]";
        }
    }

    /// A constant, widened to 64 bits, or the offset that a jump leads to.
    record Immediate(long value) implements Operand {
        @Override
        public String toString() {
            return hex(value);
        }
    }

    private static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }
}
