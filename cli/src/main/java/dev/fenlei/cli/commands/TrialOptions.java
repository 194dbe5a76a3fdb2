package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.train.TrainingSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import tools.jackson.databind.JsonNode;

/// The options of `train` that say what adapter is made and how it is trained: those that a search may vary.
@Command
final class TrialOptions {

    @Mixin
    private AdapterOptions adapter = new AdapterOptions();

    @Mixin
    TrainingOptions training = new TrainingOptions();

    @Mixin
    private LoraPlusOptions loraPlus = new LoraPlusOptions();

    /// @param arguments such as `--lora-r=8`
    /// @throws UserErrorException if they are not what the options want
    static TrialOptions parse(List<String> arguments) {
        TrialOptions options = new TrialOptions();
        try {
            new CommandLine(options)
                    .setCaseInsensitiveEnumValuesAllowed(true)
                    .parseArgs(arguments.toArray(String[]::new));
        } catch (ParameterException e) {
            throw new UserErrorException(String.valueOf(e.getMessage()), e);
        }
        return options;
    }

    private static CommandSpec spec() {
        return CommandSpec.forAnnotatedObject(new TrialOptions());
    }

    /// The option of a parameter, in its first spelling; null if there is none. `learning_rate` and `lr` are `--lr`.
    static @Nullable String option(String parameter) {
        OptionSpec option = spec().optionsMap().get("--" + parameter.replace('_', '-').toLowerCase(Locale.ROOT));
        return option == null ? null : option.names()[0];
    }

    /// Whether an argument such as `--lora-r=8` is an option of a trial.
    static boolean isOne(String argument) {
        return option(argument.substring(2, argument.indexOf('='))) != null;
    }

    /// Parameters as arguments.
    static List<String> arguments(Map<String, JsonNode> parameters) {
        return parameters.entrySet().stream()
                .map(parameter -> option(parameter.getKey()) + "=" + parameter.getValue().asString())
                .toList();
    }

    /// All names that [#option] knows, one of each option.
    static TreeSet<String> names() {
        TreeSet<String> names = new TreeSet<>();
        spec().options().forEach(option -> names.add(option.longestName().substring(2).replace('-', '_')));
        return names;
    }

    LoraConfig lora(Path model, Recipe recipe) {
        return adapter.config(model, recipe);
    }

    TrainingSettings settings(int examples, Recipe recipe) {
        return loraPlus.applyTo(training.settings(examples, recipe));
    }

    /// What the options mean when they are not given, by the options' first spellings, as far as that is one value.
    static Map<String, String> defaults(Recipe recipe) {
        return Map.ofEntries(
                Map.entry("--epochs", Integer.toString(recipe.epochs())),
                Map.entry("--batch-size", Integer.toString(recipe.batchSize())),
                Map.entry("--grad-accum", Integer.toString(recipe.accumulation())),
                Map.entry("--lr", Double.toString(recipe.learningRate())),
                Map.entry("--schedule", recipe.schedule().name().toLowerCase(Locale.ROOT)),
                Map.entry("--warmup", Double.toString(recipe.warmup())),
                Map.entry("--weight-decay", "0"),
                Map.entry("--beta1", "0.9"),
                Map.entry("--beta2", Double.toString(recipe.beta2())),
                Map.entry("--max-grad-norm", "1"),
                Map.entry("--lora-r", Integer.toString(recipe.rank())),
                Map.entry("--lora-alpha", Double.toString(recipe.alpha())),
                Map.entry("--lora-dropout", Double.toString(recipe.dropout())),
                Map.entry("--lora-plus-ratio", "1"));
    }
}
