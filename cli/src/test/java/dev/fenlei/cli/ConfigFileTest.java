package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

class ConfigFileTest {

    @Command(name = "train")
    static class Train implements Runnable {
        @Option(names = {"--lr", "--learning-rate"}, defaultValue = "0.1")
        double learningRate;

        @Option(names = "--lora-r")
        int loraR = 8;

        @Option(names = "--target-modules", split = ",")
        List<String> targetModules = List.of();

        @Option(names = "--resume")
        boolean resume;

        @Option(names = "--out", required = true)
        String out = "";

        @Override
        public void run() {}
    }

    @Command(name = "serve")
    static class Serve {
        @Option(names = "--port")
        int port;
    }

    @Command(name = "root", subcommands = {Train.class, Serve.class})
    static class Root {}

    @TempDir
    Path folder;

    private Train parse(String yaml, String... args) throws IOException {
        CommandLine root = new CommandLine(new Root());
        CommandLine train = Objects.requireNonNull(root.getSubcommands().get("train"));
        Path file = Files.writeString(folder.resolve("run.yaml"), yaml);
        train.setDefaultValueProvider(ConfigFile.read(file, train.getCommandSpec()));
        root.parseArgs(Stream.concat(Stream.of("train"), Stream.of(args)).toArray(String[]::new));
        return train.getCommand();
    }

    @Test
    void keysAreLongOptionNamesNestedOrFlat() throws IOException {
        Train parsed = parse("""
                learning_rate: 1e-4   # an alias of --lr, written with an underscore
                lora: {r: 16}
                target-modules: [q_proj, v_proj]
                resume: true
                out: runs/a
                """);
        assertThat(parsed.learningRate).isEqualTo(1e-4);
        assertThat(parsed.loraR).isEqualTo(16);
        assertThat(parsed.targetModules).containsExactly("q_proj", "v_proj");
        assertThat(parsed.resume).isTrue();
        assertThat(parsed.out).isEqualTo("runs/a");
    }

    @Test
    void theCommandLineWins() throws IOException {
        Train parsed = parse("lr: 0.5\nout: a\n", "--lr", "0.25");
        assertThat(parsed.learningRate).isEqualTo(0.25);
    }

    @Test
    void anEmptyFileOrValueGivesNothing() throws IOException {
        assertThat(parse("", "--out", "x").learningRate).isEqualTo(0.1);
        assertThat(parse("lr:\n", "--out", "x").learningRate).isEqualTo(0.1);
    }

    @Test
    void sectionsNamedLikeCommandsCountForThatCommandOnly() throws IOException {
        Train parsed = parse("train: {lr: 0.5, out: a}\nserve: {port: 80}\n");
        assertThat(parsed.learningRate).isEqualTo(0.5);
    }

    @Test
    void anUnknownKeyIsNamedWithFileAndLine() {
        assertThatThrownBy(() -> parse("lr: 1\nepoch: 3\n"))
                .isInstanceOf(UserErrorException.class)
                .hasMessageContainingAll("run.yaml, line 2", "'epoch'", "'train'", "lora-r");
    }

    @Test
    void twoNamesOfOneOptionAreRefused() {
        assertThatThrownBy(() -> parse("lr: 1\nlearning_rate: 2\n"))
                .isInstanceOf(UserErrorException.class)
                .hasMessageContainingAll("line 2", "'learning_rate'", "line 1", "'lr'");
    }

    @Test
    void whatIsNotYamlOrNotAMapIsRefused() {
        assertThatThrownBy(() -> parse("a: [1\n")).isInstanceOf(UserErrorException.class)
                .hasMessageContaining("run.yaml");
        assertThatThrownBy(() -> parse("lr: 1\nlr: 2\n")).isInstanceOf(UserErrorException.class);
        assertThatThrownBy(() -> parse("- 1\n")).isInstanceOf(UserErrorException.class).hasMessageContaining("line 1");
        assertThatThrownBy(() -> parse("target-modules: [[a]]\n")).isInstanceOf(UserErrorException.class);
    }
}
