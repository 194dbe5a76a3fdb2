package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

class FenleiTest {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        return Fenlei.run(
                List.of(args), new PrintWriter(out), new PrintWriter(err, true), new Interruption(Duration.ZERO));
    }

    @Test
    void versionAndHelpAreResults() {
        assertThat(run("--version")).isZero();
        assertThat(run("doctor", "--help")).isZero();
        assertThat(out.toString()).contains("fenlei ", "--config");
        assertThat(err.toString()).isEmpty();
    }

    @Test
    void badUsageGoesToStandardError() {
        assertThat(run()).isEqualTo(2);
        assertThat(run("docter")).isEqualTo(2);
        assertThat(run("doctor", "--jsn")).isEqualTo(2);
        assertThat(err.toString()).contains("Did you mean: fenlei doctor", "Try 'fenlei doctor --help'");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void doctorReportsInJson() {
        assertThat(run("doctor", "--json")).isZero();
        var report = JsonMapper.shared().readTree(out.toString());
        assertThat(report.at("/machine/vectorBits").asInt()).isPositive();
        assertThat(report.at("/machine/threads").asInt()).isPositive();
        if (report.at("/cuda/devices").isEmpty()) {
            assertThat(report.at("/cuda/reason").asString()).isNotEmpty().doesNotContain("no reason given");
        }
        assertThat(report.at("/slow").isArray()).isTrue();
    }

    @Test
    void doctorReportsInText() {
        assertThat(run("doctor")).isZero();
        assertThat(out.toString()).contains("Java ", "Vectors ", "CUDA ");
    }

    @Test
    void aConfigurationFileGivesOptions(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("doctor.yaml"), "json: true\n");
        assertThat(run("doctor", "--config", file.toString())).isZero();
        assertThat(out.toString()).startsWith("{");
    }

    @Test
    void aBadValueInAConfigurationFileNamesItsPlace(@TempDir Path folder) throws IOException {
        Path file = Files.writeString(folder.resolve("doctor.yaml"), "# comment\njson: maybe\n");
        assertThat(run("doctor", "--config", file.toString())).isEqualTo(2);
        assertThat(err.toString()).contains("'maybe'", file + ", line 2, key 'json'");
    }

    @Test
    void aMissingConfigurationFileIsNamed() {
        assertThat(run("doctor", "--config", "absent.yaml")).isEqualTo(1);
        assertThat(err.toString()).isEqualToIgnoringNewLines("fenlei: absent.yaml: no such file or folder");
    }
}
