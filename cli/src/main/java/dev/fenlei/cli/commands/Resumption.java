package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.lora.run.RunFolder;
import dev.fenlei.lora.run.RunStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import tools.jackson.databind.JsonNode;

/// The options of a command as a run folder keeps them, so that the command can be given again.
final class Resumption {

    /// Options that say nothing about the result.
    private static final Set<String> OF_THE_CALL = Set.of("--resume", "--verbose", "--help", "--threads", "--out",
            "--config");

    private Resumption() {}

    /// What the user chose, on the command line, in a file or by a variable: `--lr=0.001`.
    static List<String> chosen(CommandSpec spec) throws Exception {
        ParseResult parsed = spec.commandLine().getParseResult();
        List<String> chosen = new ArrayList<>();
        for (OptionSpec option : spec.options()) {
            if (OF_THE_CALL.contains(option.longestName())) {
                continue;
            }
            String name = option.names()[0]; // later ones are spellings that other systems have
            if (parsed.hasMatchedOption(option)) {
                option.originalStringValues().forEach(value -> chosen.add(name + "=" + value));
            } else {
                String value = spec.defaultValueProvider() == null
                        ? null
                        : spec.defaultValueProvider().defaultValue(option);
                if (value != null) {
                    chosen.add(name + "=" + value);
                }
            }
        }
        return chosen;
    }

    /// The run to go on with.
    ///
    /// @param named empty for the youngest that has not finished
    /// @throws UserErrorException if there is none, or it has finished
    static Path run(String named, @Nullable Path out) throws IOException {
        Path run = named.isEmpty() ? out : Path.of(named);
        if (run != null) {
            if (RunStatus.read(run).filter(status -> status.state() == RunStatus.State.FINISHED).isPresent()) {
                throw new UserErrorException(run + " has finished; there is nothing to go on with");
            }
            return run;
        }
        return RunFolder.newestUnfinished(RunFolder.RUNS)
                .orElseThrow(() -> new UserErrorException("there is no run to go on with in " + RunFolder.RUNS
                        + ": none that was interrupted, failed or killed; name one with --resume RUN"));
    }

    /// Sets the command's options to those that the run began with.
    ///
    /// @throws ParameterException if other options were given as well
    static void restoreOptions(CommandSpec spec, Path run) throws IOException {
        CommandLine command = spec.commandLine();
        String surplus = command.getParseResult().matchedOptions().stream()
                .filter(option -> !OF_THE_CALL.contains(option.longestName()))
                .map(option -> option.names()[0])
                .collect(Collectors.joining(", "));
        if (!surplus.isEmpty()) {
            throw new ParameterException(
                    command, "--resume goes on with the settings of the run; leave out " + surplus);
        }
        List<String> arguments = new ArrayList<>();
        for (JsonNode option : RunFolder.readRun(run).path("options")) {
            arguments.add(option.asString(""));
        }
        ParseResult parsed = command.getParseResult();
        for (String kept : List.of("--threads", "--verbose")) {
            if (parsed.hasMatchedOption(kept)) {
                parsed.matchedOption(kept).originalStringValues().forEach(value -> arguments.add(kept + "=" + value));
            }
        }
        command.setDefaultValueProvider(_ -> null);
        command.parseArgs(arguments.toArray(String[]::new));
    }
}
