package dev.fenlei.engine.compute.cpu.x86;

import dev.fenlei.engine.compute.cpu.x86.Operand.General;
import dev.fenlei.engine.compute.cpu.x86.Operand.Immediate;
import dev.fenlei.engine.compute.cpu.x86.Operand.Place;
import dev.fenlei.engine.compute.cpu.x86.Operand.Tile;
import dev.fenlei.engine.compute.cpu.x86.Operand.Vector;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/// Calls a routine of machine code as System V's convention has it, by interpreting the instructions that [Assembler] writes,
/// on any processor.
///
/// Stricter than a processor: registers, vectors and stack that the convention leaves undefined are filled with rubbish, and
/// reading or writing outside of [EmulatedMemory], breaking the convention, or running on for too long is an
/// [EmulationFault] that names the instruction.
final class Emulator {

    /// What `cpuid` answers.
    interface Processor {
        /// EAX, EBX, ECX and EDX.
        int[] cpuid(int leaf, int subleaf);
    }

    private static final int LANES = 16;
    private static final int LOW_VECTORS = 16;

    private static final int RAX = 0;
    private static final int RCX = 1;
    private static final int RDX = 2;
    private static final int RBX = 3;
    private static final int RSP = 4;
    private static final int[] ARGUMENTS = {7, 6, RDX, RCX, 8, 9};
    private static final int[] CALLEE_SAVED = {RBX, 5, 12, 13, 14, 15};

    private static final long STACK = 0x7FFF_0000_0000L;
    private static final int STACK_BYTES = 256;
    private static final long RETURN_ADDRESS = 0x5EED_0000_0000L;

    private final byte[] code;
    private final EmulatedMemory memory;
    private final Tiles tiles;
    private final @Nullable Instruction[] decoded;
    private final long[] general = new long[16];
    private final int[][] vectors = new int[32][LANES];

    private int maxSteps = 1_000_000;
    private Processor processor = (leaf, subleaf) -> {
        throw new EmulationFault("there is no leaf " + leaf + ", " + subleaf);
    };
    private long enabledState;

    /// The flag that jumps ask, null where the manual leaves it undefined.
    private @Nullable Boolean zero;

    /// Whether the upper parts of the vectors make the instructions slow that know only the lower ones.
    private boolean upperInUse;

    Emulator(byte[] code, EmulatedMemory memory) {
        this.code = code;
        this.memory = memory;
        tiles = new Tiles(memory);
        decoded = new Instruction[code.length];
        memory.writable("the stack", STACK, new byte[STACK_BYTES]);
    }

    Emulator maxSteps(int steps) {
        maxSteps = steps;
        return this;
    }

    /// Lets `cpuid` and `xgetbv` answer.
    Emulator processor(Processor answering, long state) {
        processor = answering;
        enabledState = state;
        return this;
    }

    /// Calls the routine, up to and with its `ret`.
    ///
    /// @return RAX
    /// @throws EmulationFault if the code does something that it must not do
    long call(long... arguments) {
        SplittableRandom rubbish = new SplittableRandom(code.length);
        Arrays.setAll(general, i -> rubbish.nextLong());
        for (int[] vector : vectors) {
            Arrays.setAll(vector, i -> rubbish.nextInt());
        }
        for (int i = 0; i < arguments.length; i++) {
            general[ARGUMENTS[i]] = arguments[i];
        }
        general[RSP] = STACK + STACK_BYTES;
        push(RETURN_ADDRESS);
        zero = null;
        long[] before = general.clone();
        int at = 0;
        for (int step = 0; step < maxSteps; step++) {
            Instruction instruction = at(at);
            try {
                if (instruction.operation() == Instruction.Operation.RET) {
                    checkReturn(before);
                    return general[RAX];
                }
                at = execute(instruction);
            } catch (EmulationFault e) {
                throw new EmulationFault(instruction.offset(), instruction.text() + ": " + e.getMessage());
            }
        }
        throw new EmulationFault(at, "not finished after " + maxSteps + " instructions");
    }

    private Instruction at(int offset) {
        if (offset < 0 || offset >= code.length) {
            throw new EmulationFault(offset, "the code ends here");
        }
        Instruction known = decoded[offset];
        if (known == null) {
            known = Decoder.decode(code, offset);
            decoded[offset] = known;
        }
        return known;
    }

    private void checkReturn(long[] before) {
        long address = pop();
        if (address != RETURN_ADDRESS || general[RSP] != STACK + STACK_BYTES) {
            throw new EmulationFault("the stack is not as it was");
        }
        for (int register : CALLEE_SAVED) {
            if (general[register] != before[register]) {
                throw new EmulationFault(new General(register, 64) + " is not restored");
            }
        }
        if (upperInUse) {
            throw new EmulationFault("vzeroupper is missing");
        }
        if (tiles.configured()) {
            throw new EmulationFault("tilerelease is missing");
        }
    }

    /// Returns the offset of the next instruction.
    private int execute(Instruction i) {
        switch (i.operation()) {
            case PUSH -> push(get(i.first()));
            case POP -> set(i.first(), pop());
            case MOV, MOVABS -> set(i.first(), get(i.second()));
            case LEA -> set(i.first(), address(i.second()));
            case ADD -> setWithFlag(i.first(), get(i.first()) + get(i.second()));
            case SUB -> setWithFlag(i.first(), get(i.first()) - get(i.second()));
            case OR -> setWithFlag(i.first(), get(i.first()) | get(i.second()));
            case XOR -> setWithFlag(i.first(), get(i.first()) ^ get(i.second()));
            case SHL -> {
                // The processor takes the count modulo 64, as Java does, and a count of 0 leaves the flag as it was.
                long shifted = get(i.first()) << get(i.second());
                if ((get(i.second()) & 63) != 0) {
                    setWithFlag(i.first(), shifted);
                }
            }
            case CPUID -> cpuid();
            case XGETBV -> xgetbv();
            case JNE -> {
                if (zero == null) {
                    throw new EmulationFault("the flag is undefined");
                }
                return zero ? i.end() : Math.toIntExact(get(i.first()));
            }
            case RET -> throw new IllegalStateException("the caller's business");
            case VMOVUPS -> setVector(i.first(), vector(i.second()));
            case VPXORD -> lanes(i, (to, a, b) -> a ^ b);
            case VPBROADCASTD -> {
                int[] all = new int[LANES];
                Arrays.fill(all, memory.int32(address(i.second())));
                setVector(i.first(), all);
            }
            case VFMADD231PS -> lanes(
                    i, (to, a, b) -> bits(Math.fma(number(a), number(b), number(to))));
            case VDPBF16PS -> lanes(i, (to, a, b) -> bits(Bf16Arithmetic.dotProduct(number(to), a, b)));
            case VCVTNE2PS2BF16 -> convert(i);
            case VZEROUPPER -> zeroUpper();
            case LDTILECFG -> tiles.configure(address(i.first()));
            case TILERELEASE -> tiles.release();
            case TILEZERO -> tiles.zero(tile(i.first()));
            case TILELOADD -> tiles.load(tile(i.first()), firstRow(i.second()), distance(i.second()));
            case TILESTORED -> tiles.store(tile(i.second()), firstRow(i.first()), distance(i.first()));
            case TDPBF16PS -> tiles.multiply(tile(i.first()), tile(i.second()), tile(i.third()));
        }
        return i.end();
    }

    // General registers.

    private long get(Operand from) {
        return switch (from) {
            case General register -> register.bits() == 64
                    ? general[register.number()]
                    : general[register.number()] & 0xFFFF_FFFFL;
            case Immediate constant -> constant.value();
            default -> throw new IllegalArgumentException(from.toString());
        };
    }

    private void set(Operand to, long value) {
        switch (to) {
            case General register -> general[register.number()] = value;
            case Place place -> memory.int32(address(place), (int) value);
            default -> throw new IllegalArgumentException(to.toString());
        }
    }

    private void setWithFlag(Operand to, long value) {
        set(to, value);
        zero = value == 0;
    }

    private void push(long value) {
        general[RSP] -= Long.BYTES;
        memory.int64(general[RSP], value);
    }

    private long pop() {
        long value = memory.int64(general[RSP]);
        general[RSP] += Long.BYTES;
        return value;
    }

    private long address(Operand operand) {
        Place place = (Place) operand;
        return firstRow(place) + distance(place);
    }

    private long firstRow(Operand operand) {
        Place place = (Place) operand;
        return general[place.base()] + place.displacement();
    }

    private long distance(Operand operand) {
        Place place = (Place) operand;
        return place.index() == Place.NONE ? 0 : general[place.index()] * place.scale();
    }

    private void cpuid() {
        int[] answers = processor.cpuid((int) general[RAX], (int) general[RCX]);
        int[] registers = {RAX, RBX, RCX, RDX};
        for (int i = 0; i < registers.length; i++) {
            general[registers[i]] = answers[i] & 0xFFFF_FFFFL;
        }
    }

    private void xgetbv() {
        if ((int) general[RCX] != 0) {
            throw new EmulationFault("there is no extended control register " + (int) general[RCX]);
        }
        general[RAX] = enabledState & 0xFFFF_FFFFL;
        general[RDX] = enabledState >>> 32;
    }

    // Vectors.

    /// What happens to each lane of 32 bits.
    private interface Lane {
        int of(int to, int a, int b);
    }

    private void lanes(Instruction i, Lane operation) {
        int[] to = vector(i.first());
        int[] a = vector(i.second());
        int[] b = vector(i.third());
        int[] result = new int[LANES];
        Arrays.setAll(result, lane -> operation.of(to[lane], a[lane], b[lane]));
        setVector(i.first(), result);
    }

    private void convert(Instruction i) {
        int[] high = vector(i.second());
        int[] low = vector(i.third());
        int[] result = new int[LANES];
        for (int lane = 0; lane < LANES; lane++) {
            int[] half = lane < LANES / 2 ? low : high;
            int first = 2 * lane % LANES;
            result[lane] = Bf16Arithmetic.round(half[first]) | Bf16Arithmetic.round(half[first + 1]) << 16;
        }
        setVector(i.first(), result);
    }

    /// The upper registers, which only AVX-512 knows, stay as they are.
    private void zeroUpper() {
        for (int i = 0; i < LOW_VECTORS; i++) {
            Arrays.fill(vectors[i], 4, LANES, 0);
        }
        upperInUse = false;
    }

    private int[] vector(Operand from) {
        return switch (from) {
            case Vector vector -> vectors[vector.number()].clone();
            case Place place -> memory.words(address(place), LANES);
            default -> throw new IllegalArgumentException(from.toString());
        };
    }

    private void setVector(Operand to, int[] lanes) {
        switch (to) {
            case Vector vector -> {
                vectors[vector.number()] = lanes;
                upperInUse |= vector.number() < LOW_VECTORS;
            }
            case Place place -> memory.words(address(place), lanes);
            default -> throw new IllegalArgumentException(to.toString());
        }
    }

    private static int tile(Operand operand) {
        return ((Tile) operand).number();
    }

    private static float number(int bits) {
        return Float.intBitsToFloat(bits);
    }

    private static int bits(float number) {
        return Float.floatToRawIntBits(number);
    }
}
