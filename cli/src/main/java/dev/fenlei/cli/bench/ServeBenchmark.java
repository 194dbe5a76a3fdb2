package dev.fenlei.cli.bench;

import dev.fenlei.cli.Interruption;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// Load on a running service: clients that each send their next request when the last one was answered.
///
/// @param target the address of the service, plain HTTP
/// @param key null where the service asks for none
/// @param clients how many there are
/// @param seconds how long they send
/// @param texts what they send, in turn
/// @param candidates parted by commas
public record ServeBenchmark(
        URI target, @Nullable String key, int clients, int seconds, List<String> texts,
        String candidates) {

    /// One answer.
    ///
    /// @param status 0 where the connection broke
    private record Sample(int status, double millis) {}

    /// @throws IllegalArgumentException if a number is out of range, or the address is not plain HTTP
    public ServeBenchmark {
        texts = List.copyOf(texts);
        if (!"http".equals(target.getScheme()) || target.getPort() < 0) {
            throw new IllegalArgumentException("the address must be like http://127.0.0.1:8000, it is " + target);
        }
        if (clients < 1 || clients > 4096 || seconds < 1 || seconds > 3600 || texts.isEmpty()) {
            throw new IllegalArgumentException(
                    "there can be 1 to 4096 clients, for 1 to 3600 seconds, with at least one text");
        }
    }

    /// Sends, and gives one measurement for each status that was answered; what the service needed stands in the details.
    public List<Measurement> run(Interruption interruption) throws IOException, InterruptedException {
        List<byte[]> bodies = texts.stream()
                .map(text -> JsonMapper.shared().writeValueAsBytes(Map.of("text", text, "category", candidates)))
                .toList();
        ServiceGauges before = ServiceGauges.read(target, key);
        long start = System.nanoTime();
        long end = start + seconds * 1_000_000_000L;
        List<Sample> samples = new ArrayList<>();
        ServiceGauges middle = before;
        try (ExecutorService senders = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
            List<Future<List<Sample>>> running = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                running.add(senders.submit(() -> send(bodies, end, interruption)));
            }
            Thread.sleep(seconds * 500L);
            middle = ServiceGauges.read(target, key);
            for (Future<List<Sample>> each : running) {
                samples.addAll(each.get());
            }
        } catch (ExecutionException e) {
            throw new IOException(e.getCause());
        }
        double elapsed = (System.nanoTime() - start) / 1e9;
        return measurements(samples, elapsed, List.of(before, middle, ServiceGauges.read(target, key)));
    }

    private List<Sample> send(List<byte[]> bodies, long end, Interruption interruption) {
        List<Sample> samples = new ArrayList<>();
        int next = ThreadLocalRandom.current().nextInt(bodies.size());
        HttpConnection connection = null;
        while (System.nanoTime() < end && !interruption.requested()) {
            long start = System.nanoTime();
            int status;
            try {
                if (connection == null) {
                    connection = HttpConnection.open(target, key);
                }
                status = connection.post("/classify", bodies.get(next++ % bodies.size()));
                if (connection.isClosing()) {
                    connection.close();
                    connection = null;
                }
            } catch (IOException e) {
                status = 0;
                connection = null;
            }
            samples.add(new Sample(status, (System.nanoTime() - start) / 1e6));
        }
        if (connection != null) {
            connection.close();
        }
        return samples;
    }

    private List<Measurement> measurements(List<Sample> samples, double elapsed, List<ServiceGauges> gauges) {
        Map<Integer, List<Double>> byStatus = new TreeMap<>();
        samples.forEach(
                sample -> byStatus.computeIfAbsent(sample.status(), _ -> new ArrayList<>()).add(sample.millis()));
        List<Measurement> measurements = new ArrayList<>();
        byStatus.forEach((status, millis) -> {
            double[] sorted = millis.stream().mapToDouble(m -> m).sorted().toArray();
            Map<String, Object> details = new LinkedHashMap<>();
            details.put("clients", clients);
            details.put("per_second", sorted.length / elapsed);
            details.put("p99", sorted[(int) Math.min(sorted.length - 1L, sorted.length * 99L / 100)]);
            details.put("rss_mib", gauges.stream().map(g -> Math.round(g.residentBytes() / (1 << 20))).toList());
            details.put("descriptors", gauges.stream().map(g -> Math.round(g.openDescriptors())).toList());
            measurements.add(Measurement.of(
                    "serve", status == 0 ? "broken" : "status " + status, "ms", sorted, clients, details));
        });
        return measurements;
    }
}
