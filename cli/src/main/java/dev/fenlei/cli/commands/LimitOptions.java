package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.server.Limit;
import dev.fenlei.server.Limits;
import picocli.CommandLine.IModelTransformer;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// One option for every limit of the service.
public final class LimitOptions implements IModelTransformer {

    @Override
    public CommandSpec transform(CommandSpec command) {
        // picocli asks once for every alias of the command.
        if (command.findOption("--" + Limit.MAX_QUEUE.optionName()) != null) {
            return command;
        }
        for (Limit limit : Limit.values()) {
            command.addOption(OptionSpec.builder("--" + limit.optionName())
                    .type(Long.class)
                    .paramLabel("N")
                    .description(limit.description() + " (default: " + limit.defaultValue() + ")")
                    .build());
        }
        return command;
    }

    /// The limits that the options of a command set.
    ///
    /// @throws UserErrorException if one lies outside its range
    static Limits limits(CommandSpec command) {
        Limits limits = Limits.defaults();
        for (Limit limit : Limit.values()) {
            Long value = command.findOption("--" + limit.optionName()).getValue();
            if (value != null) {
                Limits before = limits;
                limits = Arguments.checked(() -> before.with(limit, value));
            }
        }
        return limits;
    }
}
