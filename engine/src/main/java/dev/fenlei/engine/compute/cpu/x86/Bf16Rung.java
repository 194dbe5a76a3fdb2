package dev.fenlei.engine.compute.cpu.x86;

import java.nio.ByteOrder;
import java.util.Locale;
import java.util.Optional;
import jdk.incubator.vector.VectorShape;
import org.jspecify.annotations.Nullable;

/// What multiplies matrices in bfloat16 on this machine.
///
/// The system property `fenlei.bf16` (`amx`, `avx512` or `none`) forces the choice.
///
/// @param name `amx` or `avx512`
public record Bf16Rung(String name, TileKernel tile, ConvertKernel convert) {

    /// The property that forces a rung.
    public static final String PROPERTY = "fenlei.bf16";

    private record Choice(@Nullable Bf16Rung rung, String reason) {

        /// Made when it is first needed.
        static final Choice MADE = make();

        private static Choice make() {
            try {
                return new Choice(select(System.getProperty(PROPERTY, "")), "");
            } catch (UnavailableException e) {
                return new Choice(null, e.reason());
            }
        }
    }

    /// The fastest rung that this machine has, chosen once; empty if it has none.
    public static Optional<Bf16Rung> best() {
        return Optional.ofNullable(Choice.MADE.rung);
    }

    /// Why there is no [#best()]; empty if there is one.
    public static String whyNone() {
        return Choice.MADE.reason;
    }

    /// A rung by its name; the fastest if the name is empty.
    ///
    /// @throws UnavailableException if this machine does not have it
    public static Bf16Rung select(String name) throws UnavailableException {
        String system = System.getProperty("os.name", "");
        String processor = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
        if (name.equals("none")) {
            throw new UnavailableException("-D" + PROPERTY + "=none");
        }
        if (!name.isEmpty() && !name.equals("amx") && !name.equals("avx512")) {
            throw new UnavailableException("-D" + PROPERTY + " must be amx, avx512 or none, it is " + name);
        }
        if (!system.equals("Linux") || !(processor.equals("amd64") || processor.equals("x86_64"))
                || ByteOrder.nativeOrder() != ByteOrder.LITTLE_ENDIAN) {
            throw new UnavailableException("machine code is written for Linux on x86-64, this is " + system + " on "
                    + processor);
        }
        if (VectorShape.preferredShape().vectorBitSize() < 512) {
            throw new UnavailableException("the JVM's vectors, which pack the operands, are narrower than 512 bits");
        }
        CpuFeatures features = CpuFeatures.read();
        boolean amx = features.amxBf16() && features.avx512Bf16();
        if (name.equals("amx") && !amx) {
            throw new UnavailableException("the processor has no AMX-BF16");
        }
        if (!features.avx512Bf16()) {
            throw new UnavailableException("the processor has no AVX512-BF16");
        }
        if (name.isEmpty() && !amx && features.intel()) {
            throw new UnavailableException(
                    "AVX512-BF16 gains nothing over single precision on Intel's processors, and there "
                            + "is no AMX-BF16; -D" + PROPERTY + "=avx512 takes it all the same");
        }
        return amx && !name.equals("avx512")
                ? new Bf16Rung("amx", TileKernel.amxBf16(), new ConvertKernel())
                : new Bf16Rung("avx512", TileKernel.avx512Bf16(), new ConvertKernel());
    }
}
