package dev.fenlei.cli.bench;

import java.io.IOException;
import java.net.URI;
import org.jspecify.annotations.Nullable;

/// What a service says that its process holds; 0 where its system does not tell.
///
/// @param residentBytes memory in use
/// @param openDescriptors files and sockets
record ServiceGauges(double residentBytes, double openDescriptors) {

    static ServiceGauges read(URI target, @Nullable String key) throws IOException {
        try (HttpConnection connection = HttpConnection.open(target, key)) {
            String metrics = connection.get("/metrics");
            return new ServiceGauges(
                    value(metrics, "process_resident_memory_bytes "), value(metrics, "process_open_fds "));
        }
    }

    private static double value(String metrics, String name) {
        return metrics.lines()
                .filter(line -> line.startsWith(name))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length())))
                .findFirst()
                .orElse(0);
    }
}
