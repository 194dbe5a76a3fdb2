package dev.fenlei.cli;

import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;

/// Options of `serve` from environment variables, as containers are set up: `--max-queue` is `FENLEI_MAX_QUEUE`.
final class EnvironmentValues implements IDefaultValueProvider {

    private static final String COMMAND = "serve";

    private final Map<String, String> environment;
    private final @Nullable IDefaultValueProvider others;

    /// @param others asked for what no variable says; null for none
    EnvironmentValues(Map<String, String> environment, @Nullable IDefaultValueProvider others) {
        this.environment = environment;
        this.others = others;
    }

    @Override
    public @Nullable String defaultValue(ArgSpec argument) throws Exception {
        String value = variable(argument);
        return value == null && others != null ? others.defaultValue(argument) : value;
    }

    /// Where the value of an argument came from; null if not from a variable.
    @Nullable
    String origin(@Nullable ArgSpec argument) {
        return argument instanceof OptionSpec option && variable(option) != null
                ? "the environment variable " + name(option)
                : null;
    }

    private @Nullable String variable(ArgSpec argument) {
        if (!(argument instanceof OptionSpec option) || !option.command().name().equals(COMMAND)) {
            return null;
        }
        String value = environment.get(name(option));
        return value == null || value.isEmpty() ? null : value;
    }

    private static String name(OptionSpec option) {
        // The first name: later ones are spellings that other systems have.
        String name = option.names()[0].replaceFirst("^--", "");
        return "FENLEI_" + name.toUpperCase(Locale.ROOT).replace('-', '_');
    }
}
