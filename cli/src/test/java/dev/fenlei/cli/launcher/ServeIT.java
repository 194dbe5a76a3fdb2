package dev.fenlei.cli.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// The service as a process: `-Dfenlei.server.terminations=50` ends it more often.
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class ServeIT {

    private static final int TERMINATIONS = Integer.getInteger("fenlei.server.terminations", 2);
    private static final int CLIENTS = 16;
    private static final Path MODEL = Path.of(System.getProperty("fenlei.jar")).toAbsolutePath()
            .resolve("../../../models/tiny").normalize();

    @TempDir
    Path folder;

    private record Service(Process process, URI uri, Path log) {}

    private Service start(String... options) throws IOException {
        Path log = folder.resolve("log");
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-jar",
                System.getProperty("fenlei.jar"), "serve", "--model", MODEL.toString(), "--port", "0");
        builder.command().addAll(List.of(options));
        builder.environment().put("FENLEI_MAX_BATCH_WAIT_MS", "5");
        Process process = builder.redirectError(log.toFile()).start();
        BufferedReader out = new BufferedReader(
                new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        String line = out.readLine();
        assertThat(line).as(() -> read(log)).startsWith("listening on http://127.0.0.1:");
        return new Service(process, URI.create(line.substring("listening on ".length())), log);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    private static int get(HttpClient client, URI uri) throws IOException, InterruptedException {
        return client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding()).statusCode();
    }

    @Test
    void aSignalWhileTheModelIsLoadingEndsItToo() throws Exception {
        Service service = start();
        service.process().destroy();
        assertThat(service.process().waitFor()).as(() -> read(service.log())).isZero();
    }

    @Test
    void terminationUnderLoadBreaksNoAcceptedRequest() throws Exception {
        for (int i = 0; i < TERMINATIONS; i++) {
            terminate(100 + i % 10 * 40L);
        }
    }

    private void terminate(long afterMillis) throws Exception {
        Service service = start();
        Map<Integer, AtomicInteger> statuses = new ConcurrentHashMap<>();
        Queue<Exception> broken = new ConcurrentLinkedQueue<>();
        try (HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
                ExecutorService senders = Executors.newVirtualThreadPerTaskExecutor()) {
            while (get(client, service.uri().resolve("/ready")) != 200) {
                Thread.sleep(20);
            }
            for (int i = 0; i < CLIENTS; i++) {
                senders.execute(() -> sendUntilRefused(client, service, statuses, broken));
            }
            Thread.sleep(afterMillis);
            service.process().destroy();
            assertThat(service.process().waitFor()).as(() -> read(service.log())).isZero();
        }
        assertThat(statuses.keySet()).isSubsetOf(200, 503);
        assertThat(broken).isEmpty();
    }

    private static void sendUntilRefused(
            HttpClient client, Service service, Map<Integer, AtomicInteger> statuses, Queue<Exception> broken) {
        HttpRequest request = HttpRequest.newBuilder(service.uri().resolve("/classify"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"text\":\"股市上涨\",\"category\":\"财经,体育\"}"))
                .build();
        while (true) {
            try {
                int status = client.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
                statuses.computeIfAbsent(status, _ -> new AtomicInteger()).incrementAndGet();
                if (status == 503) {
                    return;
                }
            } catch (ConnectException e) {
                return;
            } catch (IOException e) {
                broken.add(e);
                return;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }
}
