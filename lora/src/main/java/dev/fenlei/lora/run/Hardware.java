package dev.fenlei.lora.run;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Map;

/// How much of the machine this process uses.
final class Hardware {

    private final OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

    /// Adds to a line of `metrics.jsonl`: heap and resident memory in bytes, and the share of all processors that this process and
    /// the whole system keep busy, from 0 to 1. What the system does not tell is left out.
    void addTo(Map<String, Object> line) {
        Runtime runtime = Runtime.getRuntime();
        line.put("heap_bytes", runtime.totalMemory() - runtime.freeMemory());
        long resident = LinuxMemory.ofProcess("VmRSS");
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
}
