package dev.fenlei.engine.compute.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Proves the kernels' machine code on any processor, and the emulator on processors that have the instructions.
class TileKernelEmulatedTest {

    /// The two kernels.
    enum Kernel {
        AVX512(12, 4) {
            @Override
            byte[] code(boolean accumulating) {
                return TileKernel.avx512Bf16(accumulating);
            }
        },
        AMX(32, 16) {
            @Override
            byte[] code(boolean accumulating) {
                return TileKernel.amxBf16(accumulating, TileProblem.CONFIGURATION);
            }
        };

        final int rows;
        final int depthUnit;

        Kernel(int rows, int depthUnit) {
            this.rows = rows;
            this.depthUnit = depthUnit;
        }

        abstract byte[] code(boolean accumulating);

        /// The kernel as this processor runs it.
        TileKernel real() {
            try {
                return Bf16Rung.select(this == AMX ? "amx" : "avx512").tile();
            } catch (UnavailableException e) {
                Assumptions.abort("not this processor: " + e.reason());
                throw new AssertionError(e);
            }
        }
    }

    /// Small enough that single precision holds every sum exactly, in whatever order it is formed.
    private static DoubleSupplier integers(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return () -> random.nextInt(-40, 41);
    }

    private static DoubleSupplier fractions(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return () -> random.nextDouble(-1, 1);
    }

    /// Everything where single precision and bfloat16 are peculiar: zeros, subnormal numbers, what has subnormal products,
    /// what overflows, infinities, NaNs.
    private static DoubleSupplier extremes(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        return () -> {
            double sign = random.nextBoolean() ? 1 : -1;
            return switch (random.nextInt(40)) {
                case 0 -> sign * 0;
                case 1 -> sign * random.nextInt(1, 128) * 0x1p-133;
                case 2 -> sign * random.nextInt(1, 256) * 0x1p-133;
                case 3 -> sign * 0x1p120;
                case 4 -> random.nextInt(20) > 0 ? sign : sign / 0;
                case 5 -> random.nextInt(20) > 0 ? sign : Double.NaN;
                case 6 -> sign * 0x1p63;
                default -> sign * (128 + random.nextInt(128)) * Math.scalb(1.0, random.nextInt(-74, -66));
            };
        };
    }

    private static List<TileProblem> problems(Kernel kernel, DoubleSupplier numbers) {
        List<TileProblem> problems = new ArrayList<>();
        for (boolean accumulating : new boolean[] {false, true}) {
            for (int units = 1; units <= 3; units++) {
                for (int groups = 1; groups <= 3; groups++) {
                    int gap = new int[] {0, 64, 6}[(units + groups) % 3];
                    problems.add(new TileProblem(
                            kernel.rows, units * kernel.depthUnit, gap, groups, accumulating, numbers));
                }
            }
            problems.add(new TileProblem(kernel.rows, 64, 64, 1, accumulating, numbers));
        }
        return problems;
    }

    @ParameterizedTest
    @EnumSource
    void multipliesIntegersExactly(Kernel kernel) {
        for (TileProblem problem : problems(kernel, integers(1))) {
            assertThat(problem.emulated(kernel.code(problem.accumulating()))).as(problem.toString())
                    .containsExactly(problem.reference());
        }
    }

    @ParameterizedTest
    @EnumSource
    void multipliesFractionsWithinTheRounding(Kernel kernel) {
        for (TileProblem problem : problems(kernel, fractions(2))) {
            float[] result = problem.emulated(kernel.code(problem.accumulating()));
            float[] reference = problem.reference();
            for (int i = 0; i < result.length; i++) {
                assertThat((double) Math.abs(result[i] - reference[i])).as(problem + ", element " + i)
                        .isLessThanOrEqualTo(1e-6 * problem.magnitude(i));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void intelsProcessorsAgreeBitForBit(Kernel kernel) throws UnavailableException {
        TileKernel real = kernel.real();
        Assumptions.assumeTrue(CpuFeatures.read().intel(),
                "not this processor: the order of sums is that of Intel's manual");
        for (DoubleSupplier numbers : List.of(integers(3), fractions(4), extremes(5))) {
            for (TileProblem problem : problems(kernel, numbers)) {
                // Java's comparison tells zeros by their signs, and takes all NaNs as equal.
                assertThat(problem.emulated(kernel.code(problem.accumulating()))).as(problem.toString())
                        .containsExactly(problem.real(real));
            }
        }
    }
}
