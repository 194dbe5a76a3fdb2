package dev.fenlei.cli;

import dev.fenlei.cli.commands.BenchCommand;
import dev.fenlei.cli.commands.CompareCommand;
import dev.fenlei.cli.commands.DoctorCommand;
import dev.fenlei.cli.commands.EvaluateCommand;
import dev.fenlei.cli.commands.GenerateCommand;
import dev.fenlei.cli.commands.InspectCommand;
import dev.fenlei.cli.commands.MergeCommand;
import dev.fenlei.cli.commands.PredictCommand;
import dev.fenlei.cli.commands.PretrainCommand;
import dev.fenlei.cli.commands.QuantizeCommand;
import dev.fenlei.cli.commands.ReportCommand;
import dev.fenlei.cli.commands.SearchCommand;
import dev.fenlei.cli.commands.ServeCommand;
import dev.fenlei.cli.commands.TokenizeCommand;
import dev.fenlei.cli.commands.TrainCommand;
import dev.fenlei.cli.commands.UiCommand;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/// The command line. Results go to standard output, what is meant for a person to standard error; exit statuses are
/// those of [FenleiCommand].
@Command(
        name = "fenlei",
        versionProvider = Fenlei.Version.class,
        synopsisSubcommandLabel = "COMMAND",
        description = "Fine-tunes language models into text classifiers with LoRA, evaluates and serves them.",
        subcommands = {
            TrainCommand.class,
            EvaluateCommand.class,
            PredictCommand.class,
            ReportCommand.class,
            CompareCommand.class,
            UiCommand.class,
            ServeCommand.class,
            SearchCommand.class,
            GenerateCommand.class,
            PretrainCommand.class,
            MergeCommand.class,
            QuantizeCommand.class,
            TokenizeCommand.class,
            InspectCommand.class,
            DoctorCommand.class,
            BenchCommand.class
        })
public final class Fenlei {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Interruption interruption;

    @SuppressWarnings("unused") // picocli acts on it
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help and exit.")
    private boolean help;

    @SuppressWarnings("unused") // picocli acts on it
    @Option(names = {"-V", "--version"}, versionHelp = true, description = "Show the version and exit.")
    private boolean version;

    Fenlei(Interruption interruption) {
        this.interruption = interruption;
    }

    Interruption interruption() {
        return interruption;
    }

    /// Runs a command and ends the JVM with its exit status.
    public static void main(String[] args) {
        StartUp.finishLaunch();
        // UTF-8 whatever the locale says: results are read by programs, and containers often have no locale at all.
        PrintWriter out = new PrintWriter(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
        Interruption interruption = new Interruption(PATIENCE);
        interruption.install();
        int status = run(StartUp.arguments(args), out, err, interruption);
        out.flush();
        interruption.finish(status);
        System.exit(status);
    }

    /// Runs a command and returns its exit status.
    static int run(List<String> args, PrintWriter out, PrintWriter err, Interruption interruption) {
        boolean verbose = args.contains("--verbose") || args.contains("-v");
        CommandLine commandLine = new CommandLine(new Fenlei(interruption))
                .setOut(out)
                .setErr(err)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setExecutionExceptionHandler((thrown, command, parsed) -> Errors.report(thrown, err, verbose));
        ConfigFile config;
        try {
            config = configFile(commandLine, args);
        } catch (UserErrorException e) {
            Errors.report(e, err, verbose);
            return FenleiCommand.BAD_USAGE;
        } catch (IOException e) {
            return Errors.report(e, err, verbose);
        }
        EnvironmentValues values = new EnvironmentValues(System.getenv(), config);
        commandLine.setParameterExceptionHandler((thrown, _) -> reportBadUsage(thrown, values, config));
        commandLine.setDefaultValueProvider(values);
        if (args.isEmpty()) {
            commandLine.usage(err);
            return FenleiCommand.BAD_USAGE;
        }
        try {
            return commandLine.execute(args.toArray(String[]::new));
        } catch (Error e) {
            return Errors.report(e, err, verbose);
        }
    }

    /// The file that `--config` names, read before the other options, as it gives their default values.
    private static @Nullable ConfigFile configFile(CommandLine root, List<String> args) throws IOException {
        CommandLine command = args.isEmpty() ? null : root.getSubcommands().get(args.getFirst());
        if (command == null || !command.getCommandSpec().optionsMap().containsKey("--config")) {
            return null;
        }
        ConfigOption option = new ConfigOption();
        try {
            new CommandLine(option).parseArgs(args.subList(1, args.size()).toArray(String[]::new));
        } catch (ParameterException reportedByTheFullParse) {
            return null;
        }
        return option.file == null ? null : ConfigFile.read(option.file, command.getCommandSpec());
    }

    private static int reportBadUsage(
            ParameterException thrown, EnvironmentValues values, @Nullable ConfigFile config) {
        CommandLine command = thrown.getCommandLine();
        PrintWriter err = command.getErr();
        String origin = values.origin(thrown.getArgSpec());
        if (origin == null && config != null) {
            origin = config.origin(thrown.getArgSpec());
        }
        err.println("fenlei: " + thrown.getMessage()
                + (origin == null ? "" : " (unless given as an option, it comes from " + origin + ")"));
        UnmatchedArgumentException.printSuggestions(thrown, err);
        err.println("Try '" + command.getCommandSpec().qualifiedName() + " --help'.");
        err.flush();
        return FenleiCommand.BAD_USAGE;
    }

    /// Finds `--config` among options that are not known yet.
    @Command
    private static final class ConfigOption {

        @Option(names = "--config")
        private @Nullable Path file;

        @SuppressWarnings("unused") // makes picocli accept them
        @CommandLine.Unmatched
        private @Nullable List<String> others;
    }

    static final class Version implements IVersionProvider {

        @Override
        public String[] getVersion() {
            String version = Fenlei.class.getPackage().getImplementationVersion();
            return new String[] {
                "fenlei " + (version == null ? "(development build)" : version) + ", Java " + Runtime.version()
            };
        }
    }
}
