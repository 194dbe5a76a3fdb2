package dev.fenlei.lora.run;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// A [TinyRun] as a process of its own, to be killed: from outside at any moment, or by itself inside a stage of saving.
///
/// Arguments: the folder of the model, that of the run, and optionally a stage and how many times to reach it.
final class TinyRunProcess {

    private TinyRunProcess() {}

    @SuppressWarnings("SystemExitOutsideMain")
    public static void main(String[] args) throws IOException {
        TinyRun tiny = TinyRun.in(Path.of(args[0]));
        Path folder = Path.of(args[1]);
        if (args.length > 2) {
            Checkpoints.Stage fatal = Checkpoints.Stage.valueOf(args[2]);
            int[] left = {Integer.parseInt(args[3])};
            tiny.checkpoints = _ -> new Checkpoints(folder.resolve("checkpoints"), stage -> {
                if (stage == fatal && --left[0] == 0) {
                    Runtime.getRuntime().halt(137); // as abrupt as SIGKILL: no hooks, no flushing
                }
            });
        }
        tiny.go(folder, new FineTuning.Observer() {
        });
    }

    /// Starts one.
    ///
    /// @param wrapper a command that runs the rest of its arguments
    static Process start(List<String> wrapper, Path log, Object... args) throws IOException {
        List<String> command = new ArrayList<>(wrapper);
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx256m",
                "-XX:+UseSerialGC", "-XX:-UsePerfData",
                "-cp", System.getProperty("java.class.path"), TinyRunProcess.class.getName()));
        Stream.of(args).map(Object::toString).forEach(command::add);
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
    }
}
