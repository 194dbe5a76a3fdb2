package dev.fenlei.lora.run;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/// Figures of memory, in bytes, as Linux gives them under `/proc`; 0 where the system does not tell.
public final class LinuxMemory {

    private static final Path PROCESS = Path.of("/proc/self/status");
    private static final Path SYSTEM = Path.of("/proc/meminfo");

    private LinuxMemory() {}

    /// A figure of this process.
    ///
    /// @param field such as `VmRSS`, the resident set, mapped files such as the weights included
    public static long ofProcess(String field) {
        return bytes(PROCESS, field);
    }

    /// A figure of the whole system.
    ///
    /// @param field such as `MemAvailable`
    public static long ofSystem(String field) {
        return bytes(SYSTEM, field);
    }

    private static long bytes(Path file, String field) {
        String start = field + ":";
        try {
            for (String line : Files.readAllLines(file, StandardCharsets.ISO_8859_1)) {
                if (line.startsWith(start)) {
                    return 1024 * Long.parseLong(line.substring(start.length()).replace("kB", "").strip());
                }
            }
        } catch (IOException | NumberFormatException e) {
            // another system
        }
        return 0;
    }
}
