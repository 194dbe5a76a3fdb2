package dev.fenlei.cli.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Runs the finished `fenlei.jar` as a user would: on the Java that runs these tests, and on the one that runs Maven,
/// which may be older.
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class ExecutableJarIT {

    private record Run(int status, String out, String err) {}

    @TempDir
    Path folder;

    static List<Path> javaHomes() {
        List<Path> homes = new ArrayList<>();
        homes.add(Path.of(System.getProperty("java.home")));
        String maven = System.getProperty("fenlei.mavenJavaHome");
        if (maven != null && !Path.of(maven).equals(homes.getFirst())) {
            homes.add(Path.of(maven));
        }
        return homes;
    }

    private Run run(Path javaHome, List<String> options, String... args) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(JavaHomes.javaCommand(javaHome).toString());
        command.addAll(options);
        command.addAll(List.of("-jar", System.getProperty("fenlei.jar")));
        command.addAll(List.of(args));
        return start(command);
    }

    private Run start(List<String> command) throws IOException, InterruptedException {
        Path out = folder.resolve("out");
        Path err = folder.resolve("err");
        ProcessBuilder builder = new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
        Map<String, String> environment = builder.environment();
        environment.keySet().removeAll(List.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "FENLEI_JAVA_HOME"));
        environment.put("LC_ALL", "C");
        int status = builder.start().waitFor();
        return new Run(status, read(out), read(err));
    }

    private static String read(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.UTF_8).strip();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void showsItsVersionAndNothingElse(Path javaHome) throws Exception {
        Run run = run(javaHome, List.of(), "--version");
        assertThat(run.status()).isZero();
        assertThat(run.out()).matches("fenlei \\d+\\.\\d+.*, Java (2[5-9]|[3-9]\\d).*");
        assertThat(run.err()).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void hasVectorsNativeCallsAndTheUsersHeapSize(Path javaHome) throws Exception {
        Run run = run(javaHome, List.of("-Xmx300m"), "doctor", "--json");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).contains("\"nativeAccess\" : true", "\"small_heap\"", "-Xmx300m");
        assertThat(run.err()).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("javaHomes")
    void messagesReachStandardErrorAndTheStatusIsPassedOn(Path javaHome) throws Exception {
        Run run = run(javaHome, List.of(), "docter");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("Did you mean: fenlei doctor");
        assertThat(run.out()).isEmpty();
    }

    /// The shell writes the argument's bytes, as the JVM of this test may have no locale either.
    @ParameterizedTest
    @MethodSource("javaHomes")
    void argumentsInChineseSurviveWithoutALocale(Path javaHome) throws Exception {
        String script = "exec \"$0\" -jar \"$1\" \"$(printf '\\345\\210\\206\\347\\261\\273')\"";
        String java = JavaHomes.javaCommand(javaHome).toString();
        Run run = start(List.of("/bin/sh", "-c", script, java, System.getProperty("fenlei.jar")));
        assertThat(run.err()).contains("'\u5206\u7c7b'");
    }

    @Test
    void runsInTheSameJvmWhenItHasTheModule() throws Exception {
        Run run = run(javaHomes().getFirst(), List.of("--add-modules=jdk.incubator.vector"), "--version");
        assertThat(run.status()).isZero();
        assertThat(run.out()).startsWith("fenlei ");
    }

    /// The program that the README shows to those who embed the engine.
    @Test
    void theProgramOfTheReadmeClassifies() throws Exception {
        Path project = Path.of(System.getProperty("fenlei.jar")).toAbsolutePath().resolve("../../..").normalize();
        String readme = read(project.resolve("README.md"));
        int start = readme.indexOf("```java\n") + "```java\n".length();
        String program = readme.substring(start, readme.indexOf("```", start));
        assertThat(program.lines().count()).isBetween(5L, 15L);
        Path source = Files.writeString(folder.resolve("Classify.java"), program);
        Path data = Files.createDirectory(folder.resolve("data"));
        String rows = """
                {"text": "球队赢了比赛", "category": ["Sports", "Economy"], "output": "Sports"}
                {"text": "股市今天上涨", "category": ["Sports", "Economy"], "output": "Economy"}
                """;
        for (String part : List.of("train.jsonl", "valid.jsonl", "test.jsonl")) {
            Files.writeString(data.resolve(part), rows);
        }
        Path runs = folder.resolve("run");
        Path home = javaHomes().getFirst();
        Path model = project.resolve("models").resolve("tiny");
        Run train = run(home, List.of(), "train", "--model", model.toString(), "--data", data.toString(),
                "--out", runs.toString(), "--epochs", "1", "--baseline", "0");
        assertThat(train.status()).as(train.err()).isZero();
        Run classify = start(List.of(
                JavaHomes.javaCommand(home).toString(), "--add-modules", "jdk.incubator.vector",
                "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("fenlei.jar"), source.toString(),
                model.toString(), runs.resolve("adapter").toString()));
        assertThat(classify.status()).as(classify.err()).isZero();
        assertThat(classify.out()).matches("(Sports|Economy|Politics) (0\\.\\d+|1\\.0)");
    }
}
