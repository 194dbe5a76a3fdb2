package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.cli.YamlFile;
import dev.fenlei.lora.search.CategoricalDistribution;
import dev.fenlei.lora.search.Distribution;
import dev.fenlei.lora.search.RangeDistribution;
import dev.fenlei.lora.search.SearchSpace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.nodes.MappingNode;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.NodeTuple;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.SequenceNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/// A search space in YAML: options of `train` and what they may be.
///
/// ```yaml
/// learning_rate: {type: float, low: 1e-5, high: 1e-3, log: true}
/// lora_r: {type: int, low: 4, high: 16, step: 2}
/// batch_size: [2, 4, 8]
/// ```
final class SpaceFile {

    private static final Set<String> RANGE_FIELDS = Set.of("type", "low", "high", "step", "log");
    private static final Set<String> CHOICE_FIELDS = Set.of("type", "choices");
    private static final JsonNodeFactory JSON = JsonNodeFactory.instance;

    private final Path file;

    private SpaceFile(Path file) {
        this.file = file;
    }

    /// @throws UserErrorException naming the line, if the file does not describe a search space
    static SearchSpace read(Path file) throws IOException {
        SpaceFile space = new SpaceFile(file);
        Node root = YamlFile.root(file);
        if (!(root instanceof MappingNode mapping)) {
            throw new UserErrorException(
                    file + " must hold parameters and what they may be, such as 'lora_r: {type: int, low: 4, high: 16}'");
        }
        Map<String, Distribution> distributions = new LinkedHashMap<>();
        for (NodeTuple tuple : mapping.getValue()) {
            String name = space.text(tuple.getKeyNode(), "has a key that is not a name");
            if (TrialOptions.option(name) == null) {
                throw space.error(tuple.getKeyNode(), "has the parameter '" + name
                        + "', which is no option of train that can be searched. They are: "
                        + String.join(", ", TrialOptions.names()));
            }
            if (distributions.put(name, space.distribution(name, tuple.getValueNode())) != null) {
                throw space.error(tuple.getKeyNode(), "has the parameter '" + name + "' twice");
            }
        }
        return space.checked(root, () -> new SearchSpace(distributions));
    }

    private Distribution distribution(String name, Node node) {
        if (node instanceof SequenceNode choices) {
            return choices(choices);
        }
        if (!(node instanceof MappingNode mapping)) {
            throw error(node, "must give '" + name + "' a list of choices, or a map with type, low and high");
        }
        Map<String, Node> fields = new LinkedHashMap<>();
        for (NodeTuple tuple : mapping.getValue()) {
            fields.put(text(tuple.getKeyNode(), "has a key that is not a name"), tuple.getValueNode());
        }
        boolean categorical = fields.containsKey("choices");
        for (String field : fields.keySet()) {
            if (!(categorical ? CHOICE_FIELDS : RANGE_FIELDS).contains(field)) {
                throw error(node,
                        "has the field '" + field + "' in '" + name + "'; known are type, low, high, step and log "
                                + "for ranges, type and choices for choices");
            }
        }
        Node typeNode = fields.get("type");
        String type = typeNode == null ? "" : text(typeNode, "has a type of '" + name + "' that is not a word");
        if (categorical) {
            if (!type.isEmpty() && !type.equals("categorical")) {
                throw error(node, "has choices for '" + name + "', whose type is " + type);
            }
            if (!(fields.get("choices") instanceof SequenceNode choices)) {
                throw error(node, "must have a list as the choices of '" + name + "'");
            }
            return choices(choices);
        }
        if (!type.equals("float") && !type.equals("int")) {
            throw error(node, "must say 'type: float' or 'type: int' of '" + name + "', or give it choices");
        }
        return range(name, node, fields, type.equals("int"));
    }

    private Distribution range(String name, Node node, Map<String, Node> fields, boolean integer) {
        double low = number(name, node, fields, "low");
        double high = number(name, node, fields, "high");
        boolean log = flag(name, fields.get("log"));
        double step = fields.containsKey("step") ? number(name, node, fields, "step") : integer ? 1 : 0;
        if (fields.containsKey("step") && step <= 0) {
            throw error(node, "has a step of '" + name + "' that is not positive");
        }
        return checked(node, () -> new RangeDistribution(integer, low, high, step, log));
    }

    private Distribution choices(SequenceNode node) {
        List<JsonNode> choices = new ArrayList<>();
        for (Node choice : node.getValue()) {
            choices.add(value(choice));
        }
        return checked(node, () -> new CategoricalDistribution(choices));
    }

    private JsonNode value(Node node) {
        String text = text(node, "has a choice that is not a plain value");
        Tag tag = node.getTag();
        if (tag.equals(Tag.BOOL)) {
            return JSON.booleanNode(Boolean.parseBoolean(text));
        }
        if (tag.equals(Tag.INT) || tag.equals(Tag.FLOAT)) {
            double number = parsed(node, text);
            return tag.equals(Tag.INT) && number == Math.rint(number) && Math.abs(number) < Integer.MAX_VALUE
                    ? JSON.numberNode((int) number)
                    : JSON.numberNode(number);
        }
        return JSON.stringNode(text);
    }

    private double number(String name, Node node, Map<String, Node> fields, String field) {
        Node value = fields.get(field);
        if (value == null) {
            throw error(node, "has no '" + field + "' for '" + name + "'");
        }
        return parsed(value, text(value, "must have a number as '" + field + "' of '" + name + "'"));
    }

    private double parsed(Node node, String text) {
        try {
            return Double.parseDouble(text);
        } catch (NumberFormatException e) {
            throw error(node, "must have a number instead of '" + text + "'");
        }
    }

    private boolean flag(String name, @Nullable Node node) {
        if (node == null) {
            return false;
        }
        String text = text(node, "must say true or false");
        if (!text.equals("true") && !text.equals("false")) {
            throw error(node, "must say true or false as 'log' of '" + name + "', not '" + text + "'");
        }
        return text.equals("true");
    }

    private String text(Node node, String otherwise) {
        if (node instanceof ScalarNode scalar) {
            return scalar.getValue();
        }
        throw error(node, otherwise);
    }

    private <T> T checked(Node node, Supplier<T> constructor) {
        try {
            return constructor.get();
        } catch (IllegalArgumentException e) {
            throw error(node, "is wrong here: " + e.getMessage());
        }
    }

    private UserErrorException error(Node node, String what) {
        return YamlFile.error(file, node, what);
    }
}
