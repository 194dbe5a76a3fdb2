package dev.fenlei.cli.doctor;

import java.util.Arrays;
import java.util.List;
import java.util.function.Predicate;

/// Settings under which everything works, only many times slower, and nothing else says so.
@SuppressWarnings("ImmutableEnumChecker") // the predicates hold no state
public enum SlowSetting {
    INTERPRETED(
            machine -> has(machine, "-Xint"),
            "The JVM only interprets (-Xint): remove the option."),
    NO_OPTIMIZING_COMPILER(
            machine -> machine.vmArguments().stream().anyMatch(option -> option.matches("-XX:TieredStopAtLevel=[0-3]")),
            "The JVM's optimizing compiler is off (-XX:TieredStopAtLevel): vectors become objects; remove the option."),
    NOT_HOTSPOT(
            machine -> !machine.vmName().contains("HotSpot") && !machine.vmName().contains("OpenJDK"),
            "This JVM is not HotSpot and may not turn the Vector API into vector instructions: use an OpenJDK build."),
    NARROW_VECTORS(
            machine -> machine.vectorBits() < 128,
            "The JVM uses no vector instructions on this processor."),
    UNUSED_AVX2(
            machine -> machine.cpuFlags().contains("avx2") && machine.vectorBits() < 256,
            "The processor has AVX2 but the JVM uses narrower vectors: look for -XX:UseAVX or -XX:MaxVectorSize."),
    UNUSED_AVX512(
            machine -> machine.cpuFlags().contains("avx512f") && machine.vectorBits() < 512,
            "The processor has AVX-512 but the JVM uses narrower vectors. On older processors it does so on purpose; "
                    + "try -XX:UseAVX=3."),
    NO_FUSED_MULTIPLY_ADD(
            machine -> machine.cpuFlags().contains("sse2") && !machine.cpuFlags().contains("fma"),
            "The processor has no fused multiply-add: each step of a dot product is emulated."),
    DEBUGGER(
            machine -> machine.vmArguments().stream().anyMatch(option -> option.contains("jdwp")),
            "A debugger agent is loaded (jdwp)."),
    ASSERTIONS(
            machine -> has(machine, "-ea") || has(machine, "-enableassertions"),
            "Assertions are on (-ea)."),
    SMALL_HEAP(
            machine -> machine.maxHeapBytes() < 512L << 20,
            "The heap may grow to less than 512 MiB and will be collected often: give more with -Xmx2g."),
    ONE_THREAD(
            machine -> machine.threads() == 1,
            "This process may use one processor only: look at the container's CPU limit.");

    private final Predicate<Machine> applies;
    private final String advice;

    SlowSetting(Predicate<Machine> applies, String advice) {
        this.applies = applies;
        this.advice = advice;
    }

    /// What it is and what to do about it.
    public String advice() {
        return advice;
    }

    /// Those that apply to `machine`.
    public static List<SlowSetting> find(Machine machine) {
        return Arrays.stream(values()).filter(setting -> setting.applies.test(machine)).toList();
    }

    private static boolean has(Machine machine, String option) {
        return machine.vmArguments().contains(option);
    }
}
