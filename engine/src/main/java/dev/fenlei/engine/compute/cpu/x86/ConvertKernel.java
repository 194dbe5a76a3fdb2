package dev.fenlei.engine.compute.cpu.x86;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Address;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Label;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Register;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Zmm;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/// Single precision to bfloat16, rounded to nearest even; subnormal numbers become zero.
public final class ConvertKernel {

    /// How many numbers are converted at a time.
    public static final int UNIT = 32;

    private final MethodHandle routine;

    ConvertKernel() throws UnavailableException {
        routine = CodePages.routine(code(), FunctionDescriptor.ofVoid(
                ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    }

    /// Converts `units · UNIT` numbers. Addresses are those of native memory, which the caller keeps alive.
    ///
    /// @param units at least 1
    public void convert(long from, long to, long units) {
        try {
            routine.invokeExact(from, to, units);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException(e);
        }
    }

    static byte[] code() {
        Assembler code = new Assembler();
        Label loop = code.here();
        code.vmovups(new Zmm(0), Address.at(Register.RDI, 64));
        code.vcvtne2ps2bf16(new Zmm(0), new Zmm(0), Address.at(Register.RDI));
        code.vmovups(Address.at(Register.RSI), new Zmm(0));
        code.add(Register.RDI, 128);
        code.add(Register.RSI, 64);
        code.sub(Register.RDX, 1);
        code.jnz(loop);
        code.vzeroupper();
        code.ret();
        return code.code();
    }
}
