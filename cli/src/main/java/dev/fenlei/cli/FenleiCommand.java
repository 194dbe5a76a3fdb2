package dev.fenlei.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/// What all commands share. A command extends this class, carries `@Command` and its `@Option` fields, and implements
/// [#run]; it lets exceptions pass, as [Errors] turns them into messages.
public abstract class FenleiCommand implements Callable<Integer> {

    /// Exit status: done.
    public static final int OK = 0;

    /// Exit status: the command could not do it.
    public static final int FAILED = 1;

    /// Exit status: the command was called wrongly.
    public static final int BAD_USAGE = 2;

    /// Exit status: the user stopped the command.
    public static final int INTERRUPTED = 130;

    @Spec
    private @Nullable CommandSpec spec;

    @ParentCommand
    private @Nullable Fenlei fenlei;

    @SuppressWarnings("unused") // picocli acts on it
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Show this help and exit.")
    private boolean help;

    @Option(names = {"-v", "--verbose"}, description = "Log what is done, and show stack traces of errors.")
    private boolean verbose;

    @SuppressWarnings("unused") // Fenlei reads the file before the command is parsed
    @Option(names = "--config", paramLabel = "FILE.yaml",
            description = "Read options from a YAML file: its keys are option names; the command line wins.")
    private @Nullable Path config;

    /// Does the work and returns the exit status.
    protected abstract int run() throws Exception;

    @Override
    public final Integer call() throws Exception {
        if (verbose) {
            Logging.beVerbose();
        }
        return run();
    }

    /// Where results go: standard output, in UTF-8.
    protected final PrintWriter out() {
        return spec().commandLine().getOut();
    }

    /// Tells the user something, on standard error.
    protected final void say(String message) {
        PrintWriter err = spec().commandLine().getErr();
        err.println(message);
        err.flush();
    }

    /// What the user will be told of an exception, if it is let pass.
    protected static String explained(Throwable thrown) {
        return Errors.message(thrown);
    }

    /// Shows how far a long piece of work is, on standard error; to be closed.
    ///
    /// @param total how many units there are, or 0 when that is not known
    protected final Progress progress(String label, long total, String unit) {
        boolean terminal = Posix.isAvailable() && Posix.isTerminal(Posix.STANDARD_ERROR);
        return new Progress(spec().commandLine().getErr(), terminal, label, total, unit);
    }

    /// How a long command learns that the user wants it to stop.
    protected final Interruption interruption() {
        return Objects.requireNonNull(fenlei, "set by picocli").interruption();
    }

    /// The picocli model of this command, to report a bad combination of options as a `ParameterException`.
    protected final CommandSpec spec() {
        return Objects.requireNonNull(spec, "set by picocli");
    }
}
