package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.lora.search.ActiveTrial;
import dev.fenlei.lora.search.CategoricalDistribution;
import dev.fenlei.lora.search.Direction;
import dev.fenlei.lora.search.Distribution;
import dev.fenlei.lora.search.MedianPruner;
import dev.fenlei.lora.search.RangeDistribution;
import dev.fenlei.lora.search.SearchSpace;
import dev.fenlei.lora.search.Study;
import dev.fenlei.lora.search.StudyPage;
import dev.fenlei.lora.search.TpeSampler;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import tools.jackson.databind.node.IntNode;

/// The page of a study, in a browser. Skipped where there is none, unless `-Dfenlei.browser=required`.
@Timeout(120)
class StudyPageTest {

    private static final int TRIALS = 30;

    @TempDir
    private static Path folder;

    private static ChromeDriver browser;
    private static Path page;

    @BeforeAll
    static void start() throws IOException {
        browser = Browser.open();
        Study study = Study.open(folder.resolve("s.journal"), "新闻", Direction.MAXIMIZE, Map.of());
        Map<String, Distribution> space = new LinkedHashMap<>();
        space.put("learning_rate", RangeDistribution.logFloats(1e-5, 1e-2));
        space.put("lora_r", RangeDistribution.integers(4, 16));
        space.put("batch_size", new CategoricalDistribution(
                List.of(IntNode.valueOf(2), IntNode.valueOf(4), IntNode.valueOf(8))));
        Optional<ActiveTrial> next = study.next(
                new SearchSpace(space), new TpeSampler(5, 10), new MedianPruner(5, 0), TRIALS);
        while (next.isPresent()) {
            try (ActiveTrial trial = next.get()) {
                work(trial);
            }
            next = study.next(new SearchSpace(space), new TpeSampler(5, 10), new MedianPruner(5, 0), TRIALS);
        }
        page = folder.resolve("study.html");
        StudyPage.write(page, study.state(), "macro-f1", "java -jar fenlei.jar train --lora-r=8");
    }

    /// A made-up training in which one trial breaks.
    private static void work(ActiveTrial trial) throws IOException {
        if (trial.number() == 7) {
            trial.fail("the loss is NaN <img src=x onerror=alert(1)>");
            return;
        }
        double rate = Math.log10(trial.parameters().get("learning_rate").doubleValue() / 5e-4);
        double value = 0.9 - 0.15 * rate * rate - 0.002 * trial.parameters().get("lora_r").doubleValue();
        for (int step = 1; step <= 4; step++) {
            if (!trial.report(step, value * (1 - Math.exp(-0.7 * step)))) {
                trial.prune(Map.of());
                return;
            }
        }
        trial.complete(value, Map.of());
    }

    @AfterAll
    static void stop() {
        if (browser != null) {
            browser.quit();
        }
    }

    @BeforeEach
    void open() {
        browser.get(page.toUri().toString());
    }

    private static int count(String selector) {
        return browser.findElements(By.cssSelector(selector)).size();
    }

    private static List<WebElement> rows() {
        return browser.findElements(By.cssSelector("tbody tr"));
    }

    @Test
    void everyChartShowsItsTrials() throws IOException {
        browser.manage().window().setSize(new Dimension(1200, 2300));
        assertThat(count("#history circle")).isEqualTo(TRIALS - 1); // the broken one has no value
        assertThat(count("#history path.best-line")).isEqualTo(1);
        assertThat(count("#reports polyline")).isEqualTo(TRIALS - 1);
        assertThat(count("#parallel polyline")).isPositive();
        assertThat(count("#importance rect.bar")).isEqualTo(3);
        assertThat(count("#slices svg")).isEqualTo(3);
        assertThat(rows()).hasSize(TRIALS);
        assertThat(browser.findElement(By.id("command")).getText()).contains("--lora-r=8");
        assertThat(browser.findElement(By.tagName("h1")).getText()).isEqualTo("超参数搜索 新闻");
        Browser.screenshot(browser, "study");
        browser.manage().window().setSize(new Dimension(390, 1100));
        assertThat((Boolean) browser.executeScript(
                "return document.documentElement.scrollWidth <= document.documentElement.clientWidth")).isTrue();
        Browser.screenshot(browser, "study-phone");
        assertThat(browser.manage().logs().get("browser").getAll()).isEmpty();
    }

    @Test
    void aTrialIsMarkedEverywhereByMouseAndKeyboard() {
        WebElement dot = browser.findElement(By.cssSelector("#history circle[data-trial='3']"));
        browser.executeScript("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", dot);
        assertThat(count("#reports .chosen")).isPositive();
        assertThat(count("#slices .chosen")).isEqualTo(3);
        assertThat(browser.findElement(By.cssSelector("tbody tr.chosen")).getAttribute("data-trial")).isEqualTo("3");
        assertThat(browser.findElement(By.id("chosen")).getText()).contains("试验 3");
        WebElement row = browser.findElement(By.cssSelector("tbody tr[data-trial='5']"));
        row.sendKeys(Keys.ENTER);
        assertThat(browser.findElement(By.cssSelector("tbody tr.chosen")).getAttribute("data-trial")).isEqualTo("5");
        row.sendKeys(Keys.ENTER);
        assertThat(browser.findElement(By.id("chosen")).getAttribute("textContent")).isEmpty();
    }

    @Test
    void theTableIsSortedByItsHeadings() {
        WebElement heading = browser.findElements(By.cssSelector("th button")).get(1);
        heading.sendKeys(Keys.ENTER);
        browser.switchTo().activeElement().sendKeys(Keys.ENTER);
        List<Double> values = rows().stream()
                .map(row -> row.findElements(By.tagName("td")).get(1).getText())
                .filter(text -> !text.isEmpty())
                .map(Double::valueOf)
                .toList();
        assertThat(values).hasSize(TRIALS - 1).isSortedAccordingTo((a, b) -> Double.compare(b, a));
        assertThat(rows().getLast().getAttribute("data-trial")).isEqualTo("7");
    }

    @Test
    void itSpeaksEnglishTooAndExecutesNothingOfTheStudy() {
        browser.findElement(By.id("language")).sendKeys(Keys.ENTER);
        assertThat(browser.findElement(By.tagName("h1")).getText()).isEqualTo("Hyper-parameter search 新闻");
        assertThat(browser.findElement(By.cssSelector("tbody tr[data-trial='7'] td.note")).getAttribute("title"))
                .contains("<img src=x onerror=alert(1)>");
        assertThat(count("img")).isZero();
    }
}
