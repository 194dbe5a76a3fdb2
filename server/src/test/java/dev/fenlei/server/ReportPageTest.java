package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.lora.evaluate.Evaluation;
import dev.fenlei.lora.evaluate.PredictionRecord;
import dev.fenlei.lora.report.RunReport;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;

/// The report of a run with ten thousand test rows, as a file in a browser.
@Timeout(120)
class ReportPageTest {

    private static final int ROWS = 10_000;
    private static final int TEXT = 900;
    private static final List<String> LABELS = IntStream.range(0, 20).mapToObj(i -> "类别" + i).toList();

    @TempDir
    static Path folder;

    private static ChromeDriver browser;
    private static Path report = Path.of("");
    private static Evaluation evaluation;

    @BeforeAll
    static void write() throws Exception {
        browser = Browser.open();
        Path run = Files.createDirectories(folder.resolve("large"));
        List<PredictionRecord> records = predictions();
        evaluation = Evaluation.of(LABELS, records);
        evaluation.write(run.resolve("evaluation.json"));
        Evaluation.writePredictions(run.resolve("predictions.jsonl"), records);
        writeCourse(run.resolve("metrics.jsonl"));
        Files.writeString(
                run.resolve("run.json"),
                "{\"started\":\"2026-01-01T00:00:00Z\",\"settings\":{\"lr\":0.001},\"options\":[\"--lr=0.001\",\"--data=a b\"]}");
        report = RunReport.write(run);
    }

    @AfterAll
    static void stop() {
        if (browser != null) {
            browser.quit();
        }
    }

    private static List<PredictionRecord> predictions() {
        Random random = new Random(5);
        List<PredictionRecord> records = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            String truth = LABELS.get(i % LABELS.size());
            String answer = random.nextInt(8) == 0 ? LABELS.get(random.nextInt(LABELS.size())) : truth;
            LinkedHashMap<String, Double> probabilities = new LinkedHashMap<>();
            double best = 0.5 + random.nextDouble() / 2;
            for (String label : LABELS) {
                probabilities.put(label, label.equals(answer) ? best : (1 - best) / (LABELS.size() - 1));
            }
            records.add(new PredictionRecord(
                    null, "文本" + i + "，" + "内容很长。".repeat(random.nextInt(TEXT / 5)), LABELS, truth, answer,
                    probabilities));
        }
        return records;
    }

    private static void writeCourse(Path file) throws IOException {
        List<String> lines = new ArrayList<>();
        for (int step = 1; step <= 20_000; step++) {
            lines.add("{\"step\":" + step + ",\"epoch\":" + step / 1e4 + ",\"loss\":" + 3.0 / step
                    + ",\"learning_rate\":0.001,\"gradient_norm\":1.5,\"tokens_per_second\":900.5}");
        }
        lines.add(
                "{\"step\":20000,\"validation_accuracy\":0.9,\"validation_macro_f1\":0.88,\"validation_nll\":0.4,\"best\":true}");
        lines.add("{\"step\":20001,\"lo"); // torn
        Files.writeString(file, String.join("\n", lines));
    }

    private static WebElement cell(int truth, int predicted) {
        return browser.findElement(By.cssSelector("[data-cell='" + truth + "," + predicted + "']"));
    }

    @Test
    void itIsSmallAndOpensFast() throws Exception {
        assertThat(Files.size(report)).isLessThan(10L << 20);
        browser.get("about:blank");
        long start = System.nanoTime();
        browser.get(report.toUri().toString());
        browser.findElement(By.cssSelector("#card pre"));
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(2));
        Browser.screenshot(browser, "report");
        assertThat(browser.manage().logs().get("browser").getAll()).isEmpty();
    }

    @Test
    void aCellOfTheConfusionMatrixLeadsToItsTexts() throws Exception {
        browser.get(report.toUri().toString());
        int[] counts = evaluation.metrics().confusion().counts()[3];
        int wrong = IntStream.range(0, counts.length)
                .filter(i -> i != 3 && counts[i] > 0 && counts[i] <= 12)
                .findFirst()
                .orElseThrow();
        int count = counts[wrong];
        WebElement cell = cell(3, wrong);
        assertThat(cell.getText()).isEqualTo(Integer.toString(count));
        cell.click();
        List<WebElement> examples = browser.findElements(By.cssSelector("#cell .example"));
        assertThat(examples).hasSize(count);
        assertThat(examples)
                .allMatch(
                        example -> example.getText().contains("真实 类别3") && example.getText().contains("预测 类别" + wrong));
        Browser.screenshot(browser, "report-cell");

        cell(3, 4).sendKeys(Keys.ARROW_DOWN, Keys.ENTER);
        assertThat(browser.findElement(By.cssSelector("#cell h3")).getText()).startsWith("真实 类别4 → 预测 类别4");
        int shown = browser.findElements(By.cssSelector("#cell .example")).size();
        browser.findElement(By.cssSelector("#cell .examples > button")).sendKeys(Keys.ENTER);
        assertThat(browser.findElements(By.cssSelector("#cell .example"))).hasSizeGreaterThan(shown);
    }

    @Test
    void theMostConfidentMistakesComeFirstAndThereIsEnglish() {
        browser.get(report.toUri().toString());
        browser.findElement(By.id("language")).sendKeys(Keys.ENTER);
        assertThat(browser.findElement(By.id("mistakes-h")).getText()).startsWith("Most confident mistakes");
        List<Double> confidences = browser.findElements(By.cssSelector("#mistakes .about")).stream()
                .map(about -> Double.parseDouble(about.getText().replaceAll(".* confidence ([0-9.]+) .*", "$1")))
                .toList();
        assertThat(confidences).hasSizeGreaterThan(5).isSortedAccordingTo((a, b) -> Double.compare(b, a));
        assertThat(browser.findElement(By.id("command")).getText())
                .isEqualTo("java -jar fenlei.jar train --lr=0.001 '--data=a b'");
        browser.findElement(By.id("language")).sendKeys(Keys.ENTER);
    }

    @Test
    void itFitsAPhone() throws Exception {
        Dimension before = browser.manage().window().getSize();
        browser.manage().window().setSize(new Dimension(500, 900));
        browser.get(report.toUri().toString());
        Object overflow = browser.executeScript(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assertThat(((Number) overflow).intValue()).isZero();
        Browser.screenshot(browser, "report-phone");
        browser.manage().window().setSize(before);
    }
}
