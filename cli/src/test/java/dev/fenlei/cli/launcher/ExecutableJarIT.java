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
}
