package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.cpu.CpuBackend;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Beginning and end.
@Timeout(60)
class LifecycleTest {

    private static final String BODY = "{\"text\":\"a\",\"category\":\"x,y\"}";

    @TempDir
    Path folder;

    @Test
    void theFiveLinesStandInTheReadme() throws Exception {
        Path root = Path.of(System.getProperty("fenlei.root", ".."));
        String here = Files.readString(root.resolve("server/src/test/java/dev/fenlei/server/LifecycleTest.java"));
        String readme = Files.readString(root.resolve("README.md"));
        int start = here.lastIndexOf("try (var server =");
        String program = here.substring(start, here.indexOf("        }\n", start)).replace("\n        ", "\n");
        assertThat(readme).contains(program);
    }

    /// The five lines of the README.
    @Test
    void startsFromJavaInFiveLines() throws Exception {
        Path model = TestServer.TINY;
        String body = BODY;
        String answer;
        try (var server = ClassificationServer.start(ServerSettings.of(model).withPort(0))) {
            server.awaitReady();
            var request = HttpRequest.newBuilder(server.uri().resolve("/classify"));
            request.header("Content-Type", "application/json").POST(HttpRequest.BodyPublishers.ofString(body));
            answer = HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString()).body();
        }
        assertThat(answer).contains("\"status\":\"success\"");
    }

    @Test
    void answersToHealthAtOnceAndIsReadyWhenTheModelIsOpen() throws Exception {
        CountDownLatch mayOpen = new CountDownLatch(1);
        try (TestServer server = TestServer.startLoading(s -> s.withBackend(_ -> {
            try {
                mayOpen.await();
            } catch (InterruptedException e) {
                throw new InterruptedIOException();
            }
            return new CpuBackend();
        }))) {
            assertThat(server.send(server.request("/health")).statusCode()).isEqualTo(200);
            assertThat(server.send(server.request("/ready")).statusCode()).isEqualTo(503);
            HttpResponse<String> early = server.send(server.post("/classify", BODY));
            assertThat(early.statusCode()).isEqualTo(503);
            assertThat(early.body()).contains("\"loading\"");
            assertThat(early.headers().firstValue("Retry-After")).isPresent();
            mayOpen.countDown();
            server.server().awaitReady();
            assertThat(server.send(server.request("/ready")).statusCode()).isEqualTo(200);
            assertThat(server.send(server.post("/classify", BODY)).statusCode()).isEqualTo(200);
        }
    }

    @Test
    void aModelThatCannotBeOpenedIsSaid() throws Exception {
        ServerSettings settings = ServerSettings.of(folder).withPort(0);
        try (ClassificationServer server = ClassificationServer.start(settings)) {
            assertThatThrownBy(server::awaitReady).hasMessageContaining(folder.toString());
        }
    }

    @Test
    void whatWasAcceptedIsAnsweredBeforeTheEnd() throws Exception {
        TestServer server = TestServer.start(s -> s.withLimit(Limit.MAX_BATCH_TOKENS, 1));
        List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
        for (int i = 0; i < 64; i++) {
            answers.add(server.client().sendAsync(
                    server.post("/classify", BODY).build(), HttpResponse.BodyHandlers.ofString()));
        }
        CompletableFuture.anyOf(answers.toArray(CompletableFuture[]::new)).join();
        Thread.sleep(100);
        server.server().close();
        for (CompletableFuture<HttpResponse<String>> answer : answers) {
            assertThat(answer.join().statusCode()).isIn(200, 503);
        }
        assertThat(answers.stream().filter(answer -> answer.join().statusCode() == 200).count()).isPositive();
        assertThatThrownBy(() -> server.send(server.request("/health"))).isInstanceOf(IOException.class);
    }

    @Test
    void whatDoesNotEndInTimeIsCutOff() throws Exception {
        TestServer server = TestServer.start(s -> s.withLimit(Limit.DRAIN_MS, 200));
        CompletableFuture<HttpResponse<String>> answer = server.client().sendAsync(
                server.post("/v1/chat/completions", """
                        {"messages": [{"role": "user", "content": "a"}], "max_tokens": 400, "seed": 1}""").build(),
                HttpResponse.BodyHandlers.ofString());
        Thread.sleep(100);
        long start = System.nanoTime();
        server.server().close();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(5));
        assertThat(answer).satisfiesAnyOf(
                over -> assertThat(over.join().statusCode()).isIn(200, 503),
                over -> assertThatThrownBy(over::join).hasRootCauseInstanceOf(IOException.class));
    }

    @Test
    void servesHttpsFromAPemPair() throws Exception {
        Path certificate = folder.resolve("cert.pem");
        Path key = folder.resolve("key.pem");
        Pem.writeSelfSigned(folder, certificate, key);
        try (TestServer server = TestServer.start(s -> s.withTls(new Tls(certificate, key)))) {
            URI uri = server.uri("/classify");
            assertThat(uri.getScheme()).isEqualTo("https");
            HttpRequest request = HttpRequest.newBuilder(uri)
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString(BODY))
                    .build();
            try (HttpClient client = HttpClient.newBuilder().sslContext(trusting(certificate)).build()) {
                for (int i = 0; i < 3; i++) {
                    assertThat(client.send(request, HttpResponse.BodyHandlers.ofString()).statusCode()).isEqualTo(200);
                }
            }
        }
    }

    @Test
    void aKeyThatCannotBeReadIsNamed() throws Exception {
        Path certificate = folder.resolve("cert.pem");
        Path key = folder.resolve("key.pem");
        Pem.writeSelfSigned(folder, certificate, key);
        Path broken = Files.writeString(folder.resolve("broken.pem"), "-----BEGIN RSA PRIVATE KEY-----\n");
        assertThatThrownBy(() -> TestServer.startLoading(s -> s.withTls(new Tls(certificate, broken))))
                .isInstanceOf(ServerException.class)
                .hasMessageContaining("broken.pem")
                .hasMessageContaining("openssl pkcs8");
        assertThatThrownBy(() -> TestServer.startLoading(s -> s.withTls(new Tls(key, key))))
                .isInstanceOf(ServerException.class)
                .hasMessageContaining("key.pem");
    }

    private static SSLContext trusting(Path certificate) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (var file = Files.newInputStream(certificate)) {
            store.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }
}
