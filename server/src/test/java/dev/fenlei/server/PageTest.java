package dev.fenlei.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;

/// The pages in a browser that nobody sees. Skipped where there is none, unless `-Dfenlei.browser=required`.
@Timeout(120)
class PageTest {

    private static TestServer server;
    private static ChromeDriver browser;

    @BeforeAll
    static void start() throws Exception {
        browser = Browser.open();
        server = TestServer.start(settings -> settings);
    }

    @AfterAll
    static void stop() {
        if (browser != null) {
            browser.quit();
        }
        if (server != null) {
            server.close();
        }
    }

    private static void screenshot(String name) throws Exception {
        Browser.screenshot(browser, name);
    }

    private static WebElement focused() {
        return browser.switchTo().activeElement();
    }

    private static List<WebElement> rows() {
        return browser.findElements(By.cssSelector("#bars tbody tr"));
    }

    /// Text in, bars out, by keyboard alone.
    @Test
    void aPersonClassifiesWithTheKeyboard() throws Exception {
        browser.get(server.uri("/").toString());
        browser.findElement(By.cssSelector("#model option"));
        assertThat(focused().getAttribute("id")).isEqualTo("text");
        focused().sendKeys("中国队在世界杯预选赛中以三比零获胜");
        focused().sendKeys(Keys.TAB);
        assertThat(focused().getAttribute("id")).isEqualTo("candidates");
        focused().sendKeys(Keys.chord(Keys.CONTROL, "a"), "财经,科技,体育");
        focused().sendKeys(Keys.TAB);
        assertThat(focused().getAttribute("id")).isEqualTo("submit");
        focused().sendKeys(Keys.ENTER);
        assertThat(rows()).hasSize(3);
        assertThat(rows()).extracting(row -> row.findElement(By.tagName("th")).getText())
                .containsExactlyInAnyOrder("财经", "科技", "体育");
        WebElement best = rows().getFirst();
        assertThat(best.getAttribute("class")).isEqualTo("best");
        assertThat(best.findElement(By.className("fill")).getSize().getWidth())
                .isGreaterThan(rows().getLast().findElement(By.className("fill")).getSize().getWidth());
        screenshot("page");
    }

    @Test
    void itSpeaksEnglishTooAndSaysWhatIsWrong() throws Exception {
        browser.get(server.uri("/").toString());
        browser.findElement(By.cssSelector("#model option"));
        String shown = browser.findElement(By.id("submit")).getText();
        browser.findElement(By.id("language")).sendKeys(Keys.ENTER);
        assertThat(browser.findElement(By.id("submit")).getText()).isNotEqualTo(shown);
        browser.findElement(By.id("candidates")).clear();
        browser.findElement(By.id("text")).sendKeys("a", Keys.chord(Keys.CONTROL, Keys.ENTER));
        assertThat(browser.findElement(By.cssSelector("#message.error")).getText()).contains("candidates");
        screenshot("page-error");
    }

    @Test
    void aTextIsShownAndNotExecuted() {
        browser.get(server.uri("/").toString());
        browser.findElement(By.cssSelector("#model option"));
        browser.findElement(By.id("candidates")).clear();
        browser.findElement(By.id("candidates")).sendKeys("<img src=x onerror=alert(1)>,b");
        browser.findElement(By.id("text")).sendKeys("a", Keys.chord(Keys.CONTROL, Keys.ENTER));
        assertThat(rows()).extracting(row -> row.findElement(By.tagName("th")).getAttribute("textContent"))
                .contains("<img src=x onerror=alert(1)>");
    }

    @Test
    void theApiIsShown() throws Exception {
        browser.get(server.uri("/docs").toString());
        assertThat(browser.findElements(By.className("opblock"))).hasSizeGreaterThan(10);
        screenshot("docs");
        assertThat(browser.manage().logs().get("browser").getAll()).isEmpty();
    }
}
