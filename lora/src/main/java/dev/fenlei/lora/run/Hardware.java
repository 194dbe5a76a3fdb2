package dev.fenlei.lora.run;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/// How much of the machine this process uses.
final class Hardware {

    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String RESIDENT = "VmRSS:";

    private final OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    /// Adds to a line of `metrics.jsonl`: heap and resident memory in bytes, and the share of all processors that this process and
    /// the whole system keep busy, from 0 to 1. What the system does not tell is left out.
    void addTo(Map<String, Object> line) {
        Runtime runtime = Runtime.getRuntime();
        line.put("heap_bytes", runtime.totalMemory() - runtime.freeMemory());
        long resident = residentBytes();
        if (resident > 0) {
            line.put("resident_bytes", resident);
        }
        putLoad(line, "process_cpu_load", system.getProcessCpuLoad());
        putLoad(line, "system_cpu_load", system.getCpuLoad());
    }

    private static void putLoad(Map<String, Object> line, String key, double load) {
        if (load >= 0) {
            line.put(key, load);
        }
    }

    /// The memory mapped files included, such as the weights; 0 where the system has no `/proc`.
    private static long residentBytes() {
        try {
            for (String line : Files.readAllLines(STATUS, StandardCharsets.ISO_8859_1)) {
                if (line.startsWith(RESIDENT)) {
                    return 1024 * Long.parseLong(line.substring(RESIDENT.length()).replace("kB", "").strip());
                }
            }
        } catch (IOException | NumberFormatException e) {
            // another system
        }
        return 0;
    }
}
