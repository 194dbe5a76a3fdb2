package dev.fenlei.cli.bench;

import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.lora.run.LinuxMemory;
import java.util.Arrays;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/// One figure of a benchmark, with its spread and where it was measured.
///
/// @param benchmark `gemm`, `train` …
/// @param name what of it was measured
/// @param unit of `min`, `median` and `max`
/// @param samples how many times it was measured
/// @param threads that computed
/// @param vectorBits width of the vectors
/// @param peakRssBytes the most memory the process had in use so far, 0 where the system does not tell
/// @param details the settings, and results that have no spread, by name
public record Measurement(
        String benchmark,
        String name,
        String unit,
        double min,
        double median,
        double max,
        int samples,
        int threads,
        int vectorBits,
        long peakRssBytes,
        Map<String, Object> details) {

    public Measurement {
        details = Collections.unmodifiableMap(new TreeMap<>(details));
    }

    /// The median and extremes of samples.
    ///
    /// @param samples at least one
    static Measurement of(
            String benchmark, String name, String unit, double[] samples, int threads, Map<String, Object> details) {
        double[] sorted = samples.clone();
        Arrays.sort(sorted);
        int middle = sorted.length / 2;
        double median = sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Measurement(
                benchmark, name, unit, sorted[0], median, sorted[sorted.length - 1], sorted.length, threads,
                CpuBackend.vectorBits(), residentPeakBytes(), details);
    }

    /// The same with one more detail.
    Measurement with(String detail, Object value) {
        Map<String, Object> more = new TreeMap<>(details);
        more.put(detail, value);
        return new Measurement(
                benchmark, name, unit, min, median, max, samples, threads, vectorBits, peakRssBytes, more);
    }

    /// One line for people.
    public String text() {
        String settings = details.entrySet().stream()
                .map(entry -> ", " + entry.getKey().replace('_', ' ') + " " + shown(entry.getValue()))
                .collect(Collectors.joining());
        return String.format(
                Locale.ROOT,
                "%-8s %-24s %,12.1f %-10s (%,.1f to %,.1f, %d samples; %d threads, %d bits, %d MiB%s)",
                benchmark, name, median, unit, min, max, samples, threads, vectorBits, peakRssBytes >> 20, settings);
    }

    private static String shown(Object value) {
        return value instanceof Double number ? String.format(Locale.ROOT, "%.4g", number) : value.toString();
    }

    /// The high-water mark of the resident set as Linux keeps it.
    static long residentPeakBytes() {
        return LinuxMemory.ofProcess("VmHWM");
    }
}
