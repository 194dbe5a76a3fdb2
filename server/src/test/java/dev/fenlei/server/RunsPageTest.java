package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.lora.evaluate.Evaluation;
import dev.fenlei.lora.evaluate.PredictionRecord;
import dev.fenlei.lora.run.RunFolder;
import dev.fenlei.lora.run.RunStatus;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.Keys;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;

/// The page over the runs, in a browser, while runs go on.
@Timeout(180)
class RunsPageTest {

    private static final List<String> LABELS = List.of("财经", "体育", "科技");
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private static ChromeDriver browser;

    @TempDir
    Path runs;

    private RunsServer server;
    private RunFolder live;

    @BeforeAll
    static void open() throws IOException {
        browser = Browser.open();
    }

    @AfterAll
    static void quit() {
        if (browser != null) {
            browser.quit();
        }
    }

    @BeforeEach
    void start() throws IOException {
        finished("first", 1e-3, 0.6);
        finished("second", 2e-3, 0.9);
        live = run("live", 3e-3);
        steps(live, 1, 3, 10);
        write("crashed", "TRAINING", Long.MAX_VALUE >> 2);
        server = RunsServer.start(runs, 0);
        browser.manage().logs().get("browser"); // what other tests left is gone then
        browser.get(server.uri().toString());
    }

    @AfterEach
    void end() throws IOException {
        live.close();
        server.close();
    }

    private RunFolder run(String name, double rate) throws IOException {
        RunFolder run = RunFolder.create(runs.resolve(name));
        Path data = TestServer.TINY.resolve("config.json");
        run.writeRun(Map.of("lr", rate, "lora_r", 8), List.of("--lr=" + rate), TestServer.TINY, data);
        Files.writeString(run.path().resolve("console.log"), "training " + name + " 开始\n");
        return run;
    }

    private static void steps(RunFolder run, int from, int to, int total) throws IOException {
        for (int step = from; step <= to; step++) {
            run.record(Map.of(
                    "step", step, "epoch", step / 10.0, "loss", 2.0 / step, "learning_rate", 1e-3, "gradient_norm", 1.5,
                    "tokens_per_second", 800.0, "time", 1.7e9 + step));
            run.heartbeat().step(step, total);
        }
        run.heartbeat().phase(RunStatus.Phase.TRAINING, null);
    }

    private void finished(String name, double rate, double share) throws IOException {
        try (RunFolder run = run(name, rate)) {
            steps(run, 1, 10, 10);
            run.record(Map.of(
                    "step", 10, "epoch", 1.0, "validation_accuracy", share, "validation_macro_f1", share,
                    "validation_nll", 1 - share, "best", true));
            List<PredictionRecord> records = IntStream.range(0, 60).mapToObj(i -> {
                String truth = LABELS.get(i % 3);
                String answer = i % 10 < share * 10 ? truth : LABELS.get((i + 1) % 3);
                LinkedHashMap<String, Double> probabilities = new LinkedHashMap<>();
                LABELS.forEach(label -> probabilities.put(label, label.equals(answer) ? 0.8 : 0.1));
                return new PredictionRecord(null, "文本 " + i, LABELS, truth, answer, probabilities);
            }).toList();
            Evaluation.of(LABELS, records).write(run.path().resolve("evaluation.json"));
            Evaluation.writePredictions(run.path().resolve("predictions.jsonl"), records);
            run.heartbeat().phase(RunStatus.Phase.FINISHED, null);
        }
    }

    /// A run whose process is another one.
    private void write(String name, String phase, long pid) throws IOException {
        run(name, 5e-3).close();
        String host = RunStatus.read(live.path()).orElseThrow().host();
        Files.writeString(runs.resolve(name).resolve("status.json"), "{\"phase\":\"" + phase
                + "\",\"step\":4,\"total_steps\":10,\"updated\":\"2026-01-01T00:00:00Z\",\"longest_beat_millis\":100,\"pid\":"
                + pid + ",\"host\":\"" + host + "\"}");
    }

    private static WebElement row(String name) {
        return browser.findElement(By.cssSelector("tr[data-run='" + name + "']"));
    }

    private static String state(String name) {
        return row(name).findElement(By.className("state")).getText();
    }

    private static void click(String css) {
        browser.findElement(By.cssSelector(css)).click();
    }

    /// The page draws its table anew whenever something changes, so that what was found before may be gone.
    private static void until(BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (true) {
            try {
                if (condition.getAsBoolean()) {
                    return;
                }
            } catch (StaleElementReferenceException e) {
                // found again in the next round
            }
            assertThat(System.nanoTime()).as("time is up").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static void openRun(String name) {
        until(() -> {
            row(name).findElement(By.cssSelector("button.name")).click();
            return browser.findElement(By.id("name")).getText().equals(name);
        });
    }

    @Test
    void aRunIsWatchedWhileItGoesOnAndWhenItStops() throws IOException {
        until(() -> state("live").equals("运行中"));
        assertThat(state("first")).isEqualTo("完成");
        assertThat(state("crashed")).isEqualTo("崩溃");
        openRun("live");
        until(() -> row("live").getText().contains("3/10"));
        String before = browser.findElement(By.cssSelector("#chart-loss svg")).getAttribute("aria-label");
        assertThat(before).contains("live: 0.66667");
        steps(live, 4, 8, 10);
        until(() -> row("live").getText().contains("8/10"));
        until(() -> browser.findElement(By.cssSelector("#chart-loss svg")).getAttribute("aria-label")
                .contains("live: 0.25"));
        click("#log-y");
        Browser.screenshot(browser, "runs-live");
        click("#tab-console");
        until(() -> browser.findElement(By.id("log")).getText().contains("training live 开始"));
        Files.writeString(live.path().resolve("console.log"), "training live 开始\nstep 8 完成\n");
        steps(live, 9, 9, 10);
        until(() -> browser.findElement(By.id("log")).getText().contains("step 8 完成"));
        live.heartbeat().phase(RunStatus.Phase.FAILED, "磁盘已满");
        until(() -> state("live").equals("失败"));
        until(() -> browser.findElement(By.id("problem")).getText().equals("磁盘已满"));
    }

    @Test
    void runsAreLaidOverEachOtherAndComparedWithABaseline() throws IOException {
        for (String name : List.of("first", "second")) {
            until(() -> {
                WebElement tick = row(name).findElement(By.cssSelector("input[type=checkbox]"));
                if (!tick.isSelected()) {
                    tick.click();
                }
                return tick.isSelected();
            });
        }
        openRun("second");
        until(() -> {
            WebElement base = row("first").findElement(By.cssSelector("input[type=radio]"));
            base.click();
            return base.isSelected();
        });
        until(() -> browser.findElements(By.cssSelector("#chart-loss .key")).size() == 2);
        Browser.screenshot(browser, "runs-overlay");
        click("#tab-difference");
        until(() -> browser.findElement(By.id("differences")).getText().contains("0.9000 +0.3000"));
        assertThat(browser.findElements(By.cssSelector("#differences td.other")))
                .extracting(WebElement::getText).containsExactly("0.002");
        assertThat(browser.findElement(By.id("differences")).getText()).doesNotContain("lora_r");
        Browser.screenshot(browser, "runs-difference");
    }

    @Test
    void theReportIsInsideAndItsCellsLeadToTexts() throws IOException {
        openRun("first");
        click("#tab-report");
        browser.switchTo().frame(browser.findElement(By.id("frame")));
        browser.findElement(By.cssSelector("[data-cell='0,1']")).click();
        assertThat(browser.findElements(By.cssSelector("#cell .example"))).isNotEmpty();
        browser.switchTo().defaultContent();
        Browser.screenshot(browser, "runs-report");
    }

    @Test
    void notesAndTagsAreKept() throws IOException {
        openRun("second");
        click("#tab-remarks");
        browser.findElement(By.id("notes")).sendKeys("学习率更高 <b>x</b>");
        browser.findElement(By.id("tags")).sendKeys("最好，基线");
        click("#save");
        until(() -> row("second").getText().contains("最好"));
        assertThat(Files.readString(runs.resolve("second/remarks.json"))).contains("学习率更高 <b>x</b>", "基线");
        browser.findElement(By.id("find")).sendKeys("最好");
        until(() -> browser.findElements(By.cssSelector("tr[data-run]")).size() == 1);
    }

    @Test
    void aRunIsDeletedAfterAQuestionAndNeverWhileItGoesOn() {
        openRun("first");
        click("#tab-remarks");
        click("#delete");
        assertThat(browser.findElement(By.id("question")).getText()).contains("first");
        click("#cancel");
        assertThat(runs.resolve("first")).exists();
        click("#delete");
        click("#really");
        until(() -> !Files.exists(runs.resolve("first")));
        until(() -> browser.findElements(By.cssSelector("tr[data-run]")).size() == 3);

        openRun("live");
        click("#delete");
        click("#really");
        until(() -> !browser.findElement(By.id("refusal")).getText().isEmpty());
        assertThat(runs.resolve("live")).exists();
        click("#cancel");
    }

    @Test
    void itCanBeUsedByKeyboardInEnglishAndOnAPhone() throws IOException {
        until(() -> browser.findElements(By.cssSelector("tr[data-run]")).size() == 4);
        browser.findElement(By.id("language")).sendKeys(Keys.ENTER);
        until(() -> state("crashed").equals("crashed"));
        browser.findElement(By.tagName("body")).sendKeys("j");
        browser.switchTo().activeElement().sendKeys(Keys.ENTER);
        until(() -> browser.findElement(By.id("detail")).isDisplayed());
        String name = browser.findElement(By.id("name")).getText();
        browser.switchTo().activeElement().sendKeys("x");
        until(() -> row(name).findElement(By.cssSelector("input[type=checkbox]")).isSelected());
        browser.findElement(By.id("tab-curves")).sendKeys(Keys.ARROW_RIGHT);
        until(() -> browser.findElement(By.id("difference")).isDisplayed());
        browser.findElement(By.id("tab-difference")).sendKeys(Keys.ARROW_LEFT);
        Dimension before = browser.manage().window().getSize();
        browser.manage().window().setSize(new Dimension(500, 900));
        Object overflow = browser.executeScript(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assertThat(((Number) overflow).intValue()).isZero();
        Browser.screenshot(browser, "runs-phone");
        browser.manage().window().setSize(before);
        browser.findElement(By.id("language")).sendKeys(Keys.ENTER);
        assertThat(browser.manage().logs().get("browser").getAll()).isEmpty();
    }

    @Test
    void strangersAndOtherFilesAreRefused() throws Exception {
        try (HttpClient client = HttpClient.newHttpClient()) {
            for (String name : List.of("..", ".", "", "first/..", "..%2Ffirst", "%2Fetc", "nothing")) {
                for (String path : List.of("/api/metrics", "/api/console", "/report")) {
                    URI uri = URI.create(server.uri() + path + "?name=" + name);
                    assertThat(client.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofString())
                            .statusCode()).as(uri.toString()).isEqualTo(404);
                }
            }
            HttpRequest.Builder post = HttpRequest.newBuilder(server.uri().resolve("/api/delete"))
                    .header("Content-Type", "application/json")
                    .POST(HttpRequest.BodyPublishers.ofString("{\"name\":\"first\",\"confirm\":\"first\"}"));
            assertThat(client.send(
                    post.copy().header("Origin", "https://evil.example").build(),
                    HttpResponse.BodyHandlers.ofString()).statusCode()).isEqualTo(403);
            assertThat(client.send(
                    HttpRequest.newBuilder(server.uri().resolve("/api/delete"))
                            .header("Content-Type", "text/plain")
                            .POST(HttpRequest.BodyPublishers.ofString("{\"name\":\"first\",\"confirm\":\"first\"}"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString()).statusCode()).isEqualTo(415);
            assertThat(client.send(
                    HttpRequest.newBuilder(server.uri().resolve("/api/delete"))
                            .header("Content-Type", "application/json")
                            .POST(HttpRequest.BodyPublishers.ofString("{\"name\":\"first\",\"confirm\":\"yes\"}"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString()).statusCode()).isEqualTo(422);
            assertThat(runs.resolve("first")).exists();
        }
        assertThat(new RawClient(server.uri().getPort())
                .exchange("GET /api/runs HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 403");
    }
}
