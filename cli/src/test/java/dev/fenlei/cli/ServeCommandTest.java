package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.server.Limit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

@Timeout(60)
class ServeCommandTest {

    @TempDir
    Path folder;

    private static CommandSpec serve() {
        return new CommandLine(new Fenlei(new Interruption(Duration.ZERO))).getSubcommands().get("serve")
                .getCommandSpec();
    }

    @Test
    void everyLimitIsAnOptionThatSaysItsDefault() {
        for (Limit limit : Limit.values()) {
            assertThat(serve().findOption("--" + limit.optionName()).description()[0])
                    .contains("default: " + limit.defaultValue());
        }
    }

    @Test
    void everyLimitStandsInTheDocumentWithItsDefault() throws Exception {
        String document = Files.readString(Path.of(System.getProperty("fenlei.root", "..")).resolve("docs/serving.md"));
        for (Limit limit : Limit.values()) {
            assertThat(document).contains("| `--" + limit.optionName() + "` | " + limit.defaultValue() + " |");
        }
    }

    @Test
    void everyOptionIsAnEnvironmentVariable() throws Exception {
        EnvironmentValues values = new EnvironmentValues(
                Map.of("FENLEI_MAX_QUEUE", "7", "FENLEI_API_KEY", "a,b", "FENLEI_PORT", ""), null);
        assertThat(values.defaultValue(serve().findOption("--max-queue"))).isEqualTo("7");
        assertThat(values.defaultValue(serve().findOption("--api-key"))).isEqualTo("a,b");
        assertThat(values.defaultValue(serve().findOption("--port"))).isNull();
        assertThat(values.origin(serve().findOption("--max-queue"))).contains("FENLEI_MAX_QUEUE");
    }

    @Test
    void variablesWinOverTheFileAndCountForServeOnly() throws Exception {
        EnvironmentValues values = new EnvironmentValues(Map.of("FENLEI_MODEL", "env"), _ -> "file");
        assertThat(values.defaultValue(serve().findOption("--model"))).isEqualTo("env");
        assertThat(values.defaultValue(serve().findOption("--port"))).isEqualTo("file");
        CommandSpec predict = new CommandLine(new Fenlei(new Interruption(Duration.ZERO)))
                .getSubcommands().get("predict").getCommandSpec();
        assertThat(values.defaultValue(predict.findOption("--model"))).isEqualTo("file");
    }

    @Test
    void whatCannotBeIsSaidBeforeAnythingStarts() throws Exception {
        assertThat(CommandRun.of("serve", "--max-queue", 0)).satisfies(run -> {
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.err()).contains("max-queue must lie between 1 and 100000");
        });
        assertThat(CommandRun.of("serve", "--host", "0.0.0.0", "--port", 0).err()).contains("--api-key", "--insecure");
        assertThat(CommandRun.of("serve", "--tls-key", "k").err()).contains("--tls-cert and --tls-key belong together");
        assertThat(CommandRun.of("serve", "--api-key", "a b").err()).contains("visible ASCII");
        Path empty = Files.writeString(folder.resolve("keys"), "\n");
        assertThat(CommandRun.of("serve", "--api-key-file", empty).err()).contains("holds no key");
        assertThat(CommandRun.of("serve", "--adapter", "x=a,x=b").err()).contains("'x' is empty or taken");
    }
}
