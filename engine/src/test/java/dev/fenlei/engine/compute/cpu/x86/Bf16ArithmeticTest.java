package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.cpu.x86.Assembler.Address;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Register;
import dev.fenlei.engine.compute.cpu.x86.Assembler.Zmm;
import dev.fenlei.engine.tensor.BFloat16;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/// Checks the cases that decide between the conceivable ways to add two products to a sum.
class Bf16ArithmeticTest {

    /// `sum + high · high + low · low`
    private record Case(String what, float expected, float sum, float highA, float highB, float lowA, float lowB) {

        int a() {
            return pair(highA, lowA);
        }

        int b() {
            return pair(highB, lowB);
        }

        private static int pair(float high, float low) {
            return BFloat16.fromFloat(high) << 16 | BFloat16.fromFloat(low) & 0xFFFF;
        }
    }

    private static final float SMALLEST = Float.MIN_NORMAL;

    private static final List<Case> CASES = List.of(
            new Case("upper first", 0, 1, 0x1p12f, 0x1p12f, -0x1p12f, 0x1p12f),
            new Case("a tie to even, down", 1, 1, 0, 0, 0x1p-12f, 0x1p-12f),
            new Case("a tie to even, up", 1 + 0x1p-22f, 1 + 0x1p-23f, 0, 0, 0x1p-12f, 0x1p-12f),
            new Case("two roundings", 1, 1, 0x1p-12f, 0x1p-12f, 0x1p-12f, 0x1p-12f),
            new Case("a product that overflows, sum", 0x1p126f, -0x1.8p127f, 0x1p64f, 0x1p64f, 0, 0),
            new Case("a product that underflows, sum", 0x1p-120f + 0x1p-140f, 0x1p-120f, 0, 0, 0x1p-70f, 0x1p-70f),
            new Case("overflow", Float.POSITIVE_INFINITY, 0, 0x1p64f, 0x1p64f, 0, 0),
            new Case("a subnormal sum", 1, 0x1p-127f, 0, 0, 1, 1),
            new Case("a subnormal sum, alone", 0, 0x1p-127f, 0, 0, 0, 0),
            new Case("a subnormal factor", 0, 0, 0, 0, 0x1p-127f, 0x1p100f),
            new Case("an infinite multiple of a subnormal number", Float.NaN, 0, 0, 0, 0x1p-127f, 0x1p127f * 2),
            new Case("a subnormal result", 0, 0, 0, 0, 0x1p-64f, 0x1p-63f),
            new Case("a negative subnormal result", -0f, -0f, -0f, 0, -0x1p-64f, 0x1p-63f),
            new Case("a subnormal sum in between", -SMALLEST, SMALLEST * 1.5f, -SMALLEST, 1, -SMALLEST, 1),
            new Case("the smallest normal result", SMALLEST, 0, 0, 0, 0x1p-63f, 0x1p-63f),
            new Case("just subnormal", 0, SMALLEST, 0, 0, -0x1p-75f, 0x1p-75f),
            new Case("just subnormal after rounding", 0, SMALLEST, 0, 0, -0x1.02p-76f, 0x1p-75f),
            new Case("just normal after rounding", SMALLEST, SMALLEST, 0, 0, -0x1p-76f, 0x1p-75f),
            new Case("just subnormal, negative", -0f, -SMALLEST, 0, 0, 0x1p-75f, 0x1p-75f),
            new Case("infinities of both signs", Float.NaN, Float.POSITIVE_INFINITY, -0x1p127f * 2, 1, 0, 0),
            new Case("no number", Float.NaN, Float.NaN, 0, 0, 0, 0));

    @Test
    void addsTheProductsAsTheManualSays() {
        for (Case c : CASES) {
            check(c, Bf16Arithmetic.dotProduct(c.sum, c.a(), c.b()));
        }
    }

    @Test
    void intelsProcessorsDoSo() throws Throwable {
        MethodHandle routine = routine();
        Assumptions.assumeTrue(CpuFeatures.read().intel(),
                "not this processor: the order of sums is that of Intel's manual");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment operands = arena.allocate(3 * 64, 64);
            for (Case c : CASES) {
                for (int lane = 0; lane < 16; lane++) {
                    operands.setAtIndex(ValueLayout.JAVA_FLOAT, lane, c.sum);
                    operands.setAtIndex(ValueLayout.JAVA_INT, 16 + lane, c.a());
                    operands.setAtIndex(ValueLayout.JAVA_INT, 32 + lane, c.b());
                }
                routine.invokeExact(operands.address());
                for (int lane = 0; lane < 16; lane++) {
                    check(c, operands.getAtIndex(ValueLayout.JAVA_FLOAT, lane));
                }
            }
        }
    }

    /// Objects are compared with the signs of zeros, and with NaNs as equal.
    private static void check(Case c, float result) {
        assertThat(Float.valueOf(result)).as(c.what).isEqualTo(Float.valueOf(c.expected));
    }

    /// One `vdpbf16ps` of three vectors in a row, into the first.
    private static MethodHandle routine() {
        Assembler code = new Assembler();
        for (int i = 0; i < 3; i++) {
            code.vmovups(new Zmm(i), Address.at(Register.RDI, 64 * i));
        }
        code.vdpbf16ps(new Zmm(0), new Zmm(1), new Zmm(2));
        code.vmovups(Address.at(Register.RDI), new Zmm(0));
        code.vzeroupper();
        code.ret();
        try {
            Bf16Rung.select("avx512");
            return CodePages.routine(code.code(), FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG));
        } catch (UnavailableException e) {
            Assumptions.abort("not this processor: " + e.reason());
            throw new AssertionError(e);
        }
    }
}
