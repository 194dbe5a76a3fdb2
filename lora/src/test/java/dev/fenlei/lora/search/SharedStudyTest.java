package dev.fenlei.lora.search;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/// Several processes on one study.
@Timeout(180)
class SharedStudyTest {

    private static final int TRIALS = 40;
    private static final SearchSpace SPACE = new SearchSpace(Map.of("x", RangeDistribution.floats(-1, 1)));

    @TempDir
    private Path folder;

    /// What each process does: works until the study is done.
    static final class Worker {

        private Worker() {}

        /// @param args journal, and how long a trial takes in milliseconds
        public static void main(String[] args) throws Exception {
            Study study = Study.open(Path.of(args[0]), "shared", Direction.MINIMIZE, Map.of(), Duration.ofSeconds(2));
            while (true) {
                Optional<ActiveTrial> next = study.next(SPACE, new TpeSampler(1, 10), Pruner.NONE, TRIALS);
                if (next.isEmpty()) {
                    return;
                }
                try (ActiveTrial trial = next.get()) {
                    double x = Objects.requireNonNull(trial.parameters().get("x")).doubleValue();
                    trial.report(1, 2 * x * x);
                    Thread.sleep(Long.parseLong(args[1]));
                    trial.report(2, x * x);
                    trial.complete(x * x, Map.of());
                }
            }
        }
    }

    private static String location(Class<?> type) throws URISyntaxException {
        return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    }

    private static Process start(Path journal, int trialMillis) throws IOException, URISyntaxException {
        String classPath = Stream.of(
                location(Worker.class),
                location(Study.class),
                System.getProperty("java.class.path"),
                Objects.requireNonNullElse(System.getProperty("jdk.module.path"), ""))
                .filter(part -> !part.isEmpty())
                .collect(Collectors.joining(File.pathSeparator));
        return new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", classPath, Worker.class.getName(),
                journal.toString(), Integer.toString(trialMillis))
                .inheritIO()
                .start();
    }

    private static void assertComplete(Path journal) throws IOException {
        StudyState study = Study.read(journal, "shared");
        assertThat(study.trials()).hasSize(TRIALS);
        assertThat(study.trials(TrialState.COMPLETE)).hasSize(TRIALS);
        assertThat(study.trials()).extracting(Trial::number)
                .containsExactlyElementsOf(IntStream.range(0, TRIALS).boxed().toList());
        for (Trial trial : study.trials()) {
            double x = Objects.requireNonNull(trial.parameters().get("x"));
            assertThat(trial.value()).isEqualTo(x * x);
            assertThat(trial.intermediate()).containsEntry(1, 2 * x * x).containsEntry(2, x * x).hasSize(2);
        }
        // Each number was given once, so each point is another one.
        assertThat(study.trials().stream().map(trial -> trial.parameters().get("x")).distinct()).hasSize(TRIALS);
    }

    @Test
    void fourProcessesLoseAndDoubleNothing() throws Exception {
        Path journal = folder.resolve("shared.journal");
        List<Process> processes = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            processes.add(start(journal, 5));
        }
        for (Process process : processes) {
            assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isZero();
        }
        assertComplete(journal);
        assertThat(folder.resolve("shared.journal.lock")).doesNotExist();
        long ended = Files.readAllLines(journal).stream().filter(line -> line.contains("\"op_code\":6,")).count();
        assertThat(ended).isEqualTo(TRIALS);
    }

    /// Processes are killed while they work, perhaps while they write; the trials they had are taken up by others.
    @Test
    void whatKilledProcessesLeaveIsFinishedByOthers() throws Exception {
        Path journal = folder.resolve("shared.journal");
        for (int i = 0; i < 6; i++) {
            Process process = start(journal, 20);
            Thread.sleep(400 + 97 * i);
            process.destroyForcibly().waitFor();
        }
        Process last = start(journal, 0);
        assertThat(last.waitFor(120, TimeUnit.SECONDS)).isTrue();
        assertThat(last.exitValue()).isZero();
        assertComplete(journal);
    }
}
