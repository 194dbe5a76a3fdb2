package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.lora.report.RunReport;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/// `report`: the report of a run, again.
@Command(name = "report",
        description = "Write report.html of a run: from what is in its folder, also while it is running.")
public final class ReportCommand extends FenleiCommand {

    @Parameters(paramLabel = "RUN", arity = "1..*", description = "Run folders.")
    private List<Path> runs = List.of();

    @Override
    protected int run() throws Exception {
        for (Path run : runs) {
            out().println(RunReport.write(run));
        }
        out().flush();
        return OK;
    }
}
