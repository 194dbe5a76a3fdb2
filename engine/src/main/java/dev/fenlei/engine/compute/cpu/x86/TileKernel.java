package dev.fenlei.engine.compute.cpu.x86;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Address;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Label;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Register;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Tmm;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Zmm;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// The innermost loop of the matrix product in machine code: rows of `a` by a panel of [#COLUMNS] columns of `b`.
///
/// Both operands come in *slots* of 32 bits, which hold two neighbours along the sum in bfloat16. A row of `a` is a row of
/// slots. The panel holds, slot by slot, the [#COLUMNS] columns side by side. Sums are formed in single precision.
public final class TileKernel {

    /// The columns of a panel.
    public static final int COLUMNS = 32;

    private static final long PANEL_ROW = COLUMNS * Float.BYTES;
    private static final FunctionDescriptor SIGNATURE = FunctionDescriptor.ofVoid(
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);

    private static final Register A = Register.RDI;
    private static final Register A_PITCH = Register.RSI;
    private static final Register B = Register.RDX;
    private static final Register DEPTH = Register.RCX;
    private static final Register TILE = Register.R8;
    private static final Register GROUPS = Register.R9;

    private final int rows;
    private final int depthUnit;
    private final MethodHandle overwrite;
    private final MethodHandle accumulate;

    private TileKernel(int rows, int depthUnit, MethodHandle overwrite, MethodHandle accumulate) {
        this.rows = rows;
        this.depthUnit = depthUnit;
        this.overwrite = overwrite;
        this.accumulate = accumulate;
    }

    /// On the vector instructions of AVX512-BF16.
    static TileKernel avx512Bf16() throws UnavailableException {
        return new TileKernel(
                12, 4,
                CodePages.routine(avx512Bf16(false), SIGNATURE), CodePages.routine(avx512Bf16(true), SIGNATURE));
    }

    /// On the tiles of AMX-BF16.
    static TileKernel amxBf16() throws UnavailableException {
        long configuration = amxConfiguration().address();
        return new TileKernel(
                32, 16,
                CodePages.routine(amxBf16(false, configuration), SIGNATURE),
                CodePages.routine(amxBf16(true, configuration), SIGNATURE));
    }

    /// The rows of a group.
    public int rows() {
        return rows;
    }

    /// What the number of slots must be a multiple of.
    public int depthUnit() {
        return depthUnit;
    }

    /// `tile = a · b`, or `tile += a · b`. Addresses are those of native memory, which the caller keeps alive.
    ///
    /// @param a `groups · rows()` rows
    /// @param aPitch bytes between the rows
    /// @param b the panel, `depth × COLUMNS` slots
    /// @param depth slots, a positive multiple of [#depthUnit()]
    /// @param tile single precision, `groups · rows()` × COLUMNS
    /// @param groups at least 1
    public void multiply(long a, long aPitch, long b, long depth, long tile, long groups, boolean accumulating) {
        try {
            if (accumulating) {
                accumulate.invokeExact(a, aPitch, b, depth, tile, groups);
            } else {
                overwrite.invokeExact(a, aPitch, b, depth, tile, groups);
            }
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    /// Twelve rows by two vectors of accumulators, two vectors of `b`, and six registers that take turns for the broadcast
    /// slots of `a`: all 32 registers. Per slot 14 loads for 24 products, so that loading is not what limits.
    static byte[] avx512Bf16(boolean accumulating) {
        int rowCount = 12;
        int unroll = 4;
        Register counter = Register.RBX;
        Register panel = Register.RBP;
        Register group = Register.R12;
        Register[] bases = {A, Register.R10, Register.R11, Register.RAX};
        Assembler code = new Assembler();
        for (Register saved : new Register[] {counter, panel, group}) {
            code.push(saved);
        }
        Label groupStart = code.here();
        code.mov(group, A);
        // Rows 0, 3, 6 and 9; each base reaches two more rows by one and two pitches, in the form base + index.
        code.lea(Register.RAX, Address.at(A_PITCH, A_PITCH, 0));
        code.add(Register.RAX, A_PITCH);
        code.lea(Register.R10, Address.at(A, Register.RAX, 0));
        code.lea(Register.R11, Address.at(Register.R10, Register.RAX, 0));
        code.add(Register.RAX, Register.R11);
        for (int i = 0; i < 2 * rowCount; i++) {
            Zmm accumulator = new Zmm(i);
            if (accumulating) {
                code.vmovups(accumulator, Address.at(TILE, i * 64));
            } else {
                code.vpxord(accumulator, accumulator, accumulator);
            }
        }
        code.mov(counter, DEPTH);
        code.mov(panel, B);
        Label loop = code.here();
        Zmm left = new Zmm(24);
        Zmm right = new Zmm(25);
        for (int step = 0; step < unroll; step++) {
            code.vmovups(left, Address.at(panel, (int) PANEL_ROW * step));
            code.vmovups(right, Address.at(panel, (int) PANEL_ROW * step + 64));
            for (int row = 0; row < rowCount; row++) {
                Zmm slot = new Zmm(26 + row % 6);
                Register base = bases[row / 3];
                int displacement = 4 * step;
                code.vpbroadcastd(slot, switch (row % 3) {
                    case 0 -> Address.at(base, displacement);
                    case 1 -> Address.at(base, A_PITCH, displacement);
                    default -> Address.twice(base, A_PITCH, displacement);
                });
                code.vdpbf16ps(new Zmm(2 * row), slot, left);
                code.vdpbf16ps(new Zmm(2 * row + 1), slot, right);
            }
        }
        for (Register base : bases) {
            code.add(base, 4 * unroll);
        }
        code.add(panel, (int) PANEL_ROW * unroll);
        code.sub(counter, unroll);
        code.jnz(loop);
        for (int i = 0; i < 2 * rowCount; i++) {
            code.vmovups(Address.at(TILE, i * 64), new Zmm(i));
        }
        code.add(TILE, (int) PANEL_ROW * rowCount);
        code.mov(A, group);
        for (int i = 0; i < 4; i++) {
            code.lea(A, Address.at(A, A_PITCH, 0));
            code.lea(A, Address.twice(A, A_PITCH, 0));
        }
        code.sub(GROUPS, 1);
        code.jnz(groupStart);
        for (Register saved : new Register[] {group, panel, counter}) {
            code.pop(saved);
        }
        code.vzeroupper();
        code.ret();
        return code.code();
    }

    /// Two by two tiles of 16 × 16 sums; per 16 slots four tiles are loaded for four products.
    static byte[] amxBf16(boolean accumulating, long configuration) {
        Register counter = Register.RBX;
        Register panel = Register.RBP;
        Register group = Register.R12;
        Register lower = Register.R10;
        Register lowerTile = Register.R11;
        Register panelPitch = Register.RAX;
        Assembler code = new Assembler();
        for (Register saved : new Register[] {counter, panel, group}) {
            code.push(saved);
        }
        code.mov(Register.RAX, configuration);
        code.ldtilecfg(Address.at(Register.RAX));
        code.mov(panelPitch, PANEL_ROW);
        Label groupStart = code.here();
        code.mov(group, A);
        code.mov(lower, A_PITCH);
        code.shl(lower, 4);
        code.add(lower, A);
        code.lea(lowerTile, Address.at(TILE, 16 * (int) PANEL_ROW));
        Address[] quarters = {
            Address.at(TILE, panelPitch, 0), Address.at(TILE, panelPitch, 64),
            Address.at(lowerTile, panelPitch, 0), Address.at(lowerTile, panelPitch, 64)
        };
        for (int i = 0; i < 4; i++) {
            if (accumulating) {
                code.tileloadd(new Tmm(i), quarters[i]);
            } else {
                code.tilezero(new Tmm(i));
            }
        }
        code.mov(counter, DEPTH);
        code.mov(panel, B);
        Label loop = code.here();
        code.tileloadd(new Tmm(6), Address.at(panel, panelPitch, 0));
        code.tileloadd(new Tmm(4), Address.at(A, A_PITCH, 0));
        code.tdpbf16ps(new Tmm(0), new Tmm(4), new Tmm(6));
        code.tileloadd(new Tmm(7), Address.at(panel, panelPitch, 64));
        code.tdpbf16ps(new Tmm(1), new Tmm(4), new Tmm(7));
        code.tileloadd(new Tmm(5), Address.at(lower, A_PITCH, 0));
        code.tdpbf16ps(new Tmm(2), new Tmm(5), new Tmm(6));
        code.tdpbf16ps(new Tmm(3), new Tmm(5), new Tmm(7));
        code.add(A, 64);
        code.add(lower, 64);
        code.add(panel, 16 * (int) PANEL_ROW);
        code.sub(counter, 16);
        code.jnz(loop);
        for (int i = 0; i < 4; i++) {
            code.tilestored(quarters[i], new Tmm(i));
        }
        code.add(TILE, 32 * (int) PANEL_ROW);
        code.mov(A, A_PITCH);
        code.shl(A, 5);
        code.add(A, group);
        code.sub(GROUPS, 1);
        code.jnz(groupStart);
        code.tilerelease();
        for (Register saved : new Register[] {group, panel, counter}) {
            code.pop(saved);
        }
        code.ret();
        return code.code();
    }

    /// Palette 1; eight tiles of 16 rows of 64 bytes.
    private static MemorySegment amxConfiguration() {
        MemorySegment configuration = CodePages.permanent(64);
        configuration.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
        for (int tile = 0; tile < 8; tile++) {
            configuration.set(ValueLayout.JAVA_SHORT, 16 + 2 * tile, (short) 64);
            configuration.set(ValueLayout.JAVA_BYTE, 48 + tile, (byte) 16);
        }
        return configuration;
    }
}
