package dev.fenlei.cli.doctor;

import com.sun.management.OperatingSystemMXBean;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.RuntimeMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.incubator.vector.FloatVector;

/// The machine and the JVM as Fenlei sees them.
///
/// @param cpu the processor's name, empty when the system does not tell
/// @param cpuFlags vector instruction sets, in the spelling of Linux; empty when the system does not tell
/// @param vectorBits width of the widest vectors that the JVM uses
/// @param floatLanes how many floats such a vector holds
/// @param bf16 the machine code that multiplies in bfloat16, `amx` or `avx512`; empty if none does
/// @param noBf16 why there is none; empty if there is
/// @param threads processors that this process may use, container limits included
/// @param nativeAccess whether the JVM lets Fenlei call native functions
/// @param vmArguments the JVM's options
public record Machine(
        String javaVersion,
        String javaHome,
        String vmName,
        String system,
        String cpu,
        SortedSet<String> cpuFlags,
        int vectorBits,
        int floatLanes,
        String bf16,
        String noBf16,
        int threads,
        long maxHeapBytes,
        long physicalMemoryBytes,
        long freeMemoryBytes,
        boolean nativeAccess,
        List<String> vmArguments) {

    private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

    /// Asks the JVM and the system; takes a few milliseconds.
    public static Machine examine() {
        RuntimeMXBean runtime = ManagementFactory.getRuntimeMXBean();
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        var species = FloatVector.SPECIES_PREFERRED;
        return new Machine(
                Runtime.version().toString(),
                System.getProperty("java.home", ""),
                System.getProperty("java.vm.name", ""),
                system.getName() + " " + system.getVersion() + " " + system.getArch(),
                cpuInfo("model name"),
                vectorFlags(cpuInfo("flags")),
                species.vectorBitSize(),
                species.length(),
                CpuBackend.bf16Rung().orElse(""),
                CpuBackend.noBf16Reason(),
                Runtime.getRuntime().availableProcessors(),
                Runtime.getRuntime().maxMemory(),
                system.getTotalMemorySize(),
                system.getFreeMemorySize(),
                Machine.class.getModule().isNativeAccessEnabled(),
                runtime.getInputArguments());
    }

    private static SortedSet<String> vectorFlags(String flags) {
        return Arrays.stream(flags.split(" "))
                .filter(flag -> flag.matches("sse.*|avx.*|fma|f16c|amx.*"))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    private static String cpuInfo(String field) {
        try (Stream<String> lines = Files.lines(CPU_INFO)) {
            return lines.filter(line -> line.startsWith(field))
                    .map(line -> line.substring(line.indexOf(':') + 1).trim())
                    .findFirst()
                    .orElse("");
        } catch (IOException notLinux) {
            return "";
        }
    }
}
