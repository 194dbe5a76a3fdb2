package dev.fenlei.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/// A YAML file that gives options of one command: every key is a long option name, and the command line wins.
///
/// `learning_rate: 1e-4` and `learning-rate: 1e-4` both mean `--learning-rate 1e-4`. Maps may be nested:
/// `lora: {r: 8}` means `--lora-r 8`. A section named like a command counts for that command only, so that one file can
/// serve several. A list is a value separated by commas; an empty value counts as not given.
final class ConfigFile implements IDefaultValueProvider {

    private static final int MAX_DEPTH = 8;

    private record Entry(String key, String value, int line) {}

    private final Path file;
    private final Map<OptionSpec, Entry> entries = new LinkedHashMap<>();

    private ConfigFile(Path file) {
        this.file = file;
    }

    /// Reads `file` for the options of `command`.
    ///
    /// @throws UserErrorException if the file is not YAML, or names something that is no option of the command
    static ConfigFile read(Path file, CommandSpec command) throws IOException {
        ConfigFile config = new ConfigFile(file);
        Node root = YamlFile.root(file);
        if (root instanceof MappingNode mapping) {
            config.addAll(mapping, "", command, 0);
        } else if (root != null && !YamlFile.isEmpty(root)) {
            throw config.error(root, "must hold keys and values such as 'epochs: 3'");
        }
        return config;
    }

    @Override
    public @Nullable String defaultValue(ArgSpec argument) {
        Entry entry = argument instanceof OptionSpec ? entries.get(argument) : null;
        return entry == null ? null : entry.value();
    }

    /// Where `argument` got its value from: `train.yaml, line 3, key 'lr'`; null when not from this file.
    @Nullable
    String origin(@Nullable ArgSpec argument) {
        Entry entry = argument instanceof OptionSpec ? entries.get(argument) : null;
        return entry == null ? null : file + ", line " + entry.line() + ", key '" + entry.key() + "'";
    }

    private void addAll(MappingNode mapping, String prefix, CommandSpec command, int depth) {
        if (depth > MAX_DEPTH) {
            throw error(mapping, "is nested more than " + MAX_DEPTH + " deep");
        }
        for (NodeTuple tuple : mapping.getValue()) {
            if (!(tuple.getKeyNode() instanceof ScalarNode keyNode)) {
                throw error(tuple.getKeyNode(), "has a key that is not a name");
            }
            Node value = tuple.getValueNode();
            String key = keyNode.getValue();
            boolean topLevel = prefix.isEmpty();
            if (value instanceof MappingNode section) {
                if (topLevel && command.names().contains(key)) {
                    addAll(section, "", command, depth + 1);
                } else if (!(topLevel && isCommand(key, command))) {
                    addAll(section, prefix + key + ".", command, depth + 1);
                }
            } else {
                add(keyNode, prefix + key, value, command);
            }
        }
    }

    private void add(Node keyNode, String key, Node value, CommandSpec command) {
        OptionSpec option = option(key, command);
        if (option == null || option.longestName().equals("--config") || option.usageHelp()) {
            throw error(keyNode, "has the key '" + key + "', which is no option of '" + command.name()
                    + "'. Its options are: " + optionNames(command));
        }
        if (YamlFile.isEmpty(value)) {
            return;
        }
        Entry entry = new Entry(key, text(value, key, option), YamlFile.line(keyNode));
        Entry earlier = entries.putIfAbsent(option, entry);
        if (earlier != null) {
            throw error(keyNode, "has the key '" + key + "', but line " + earlier.line() + " has given '"
                    + earlier.key() + "' already. Remove one of them");
        }
    }

    private String text(Node value, String key, OptionSpec option) {
        if (value instanceof ScalarNode scalar) {
            return scalar.getValue();
        }
        if (value instanceof SequenceNode sequence) {
            List<String> items = new ArrayList<>();
            for (Node item : sequence.getValue()) {
                if (!(item instanceof ScalarNode scalar)) {
                    throw error(item, "has a list under '" + key + "' whose items are not plain values");
                }
                items.add(scalar.getValue());
            }
            return String.join(option.splitRegex().isEmpty() ? "," : option.splitRegex(), items);
        }
        throw error(value, "has something under '" + key + "' that is neither a value nor a list");
    }

    private static @Nullable OptionSpec option(String key, CommandSpec command) {
        return command.optionsMap().get("--" + key.toLowerCase(Locale.ROOT).replace('_', '-').replace('.', '-'));
    }

    private static boolean isCommand(String key, CommandSpec command) {
        var parent = command.parent();
        return parent != null && parent.subcommands().containsKey(key);
    }

    private static String optionNames(CommandSpec command) {
        return command.options().stream()
                .filter(option -> !option.hidden() && !option.usageHelp())
                .map(option -> option.longestName().replaceFirst("^-+", ""))
                .filter(name -> !name.equals("config"))
                .sorted()
                .collect(Collectors.joining(", "));
    }

    private UserErrorException error(Node node, String what) {
        return YamlFile.error(file, node, what);
    }
}
