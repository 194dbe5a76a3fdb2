package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Interruption;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.lora.run.RunFolder;
import dev.fenlei.server.RunsServer;
import java.nio.file.Files;
import java.nio.file.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/// `ui`: a page over the run folders, until it is told to end.
@Command(name = "ui",
        description = "Watch runs in a browser: a page on this machine over the run folders, live. Prints its address to standard "
                + "output.")
public final class UiCommand extends FenleiCommand {

    private static final int DEFAULT_PORT = 8008;

    @Option(names = "--runs", paramLabel = "DIR",
            description = "The folder that holds run folders (default: ${DEFAULT-VALUE}).")
    private Path runs = RunFolder.RUNS;

    @Option(names = "--port", description = "The port; 0 for any free one (default: ${DEFAULT-VALUE}).")
    private int port = DEFAULT_PORT;

    @Override
    protected int run() throws Exception {
        if (Files.exists(runs) && !Files.isDirectory(runs)) {
            throw new UserErrorException("--runs " + runs + ": is not a folder");
        }
        if (port < 0 || port > 65_535) {
            throw new UserErrorException("--port must lie between 0 and 65535, it is " + port);
        }
        interruption().exitWithStatusOfCommand();
        try (RunsServer server = RunsServer.start(runs, port);
                Interruption.Registration _ = interruption().onRequest(server::close)) {
            out().println("open " + server.uri());
            out().flush();
            if (!Files.exists(runs)) {
                say(runs + " does not exist yet; runs are shown as soon as there are some");
            }
            server.awaitEnd();
        }
        return OK;
    }
}
