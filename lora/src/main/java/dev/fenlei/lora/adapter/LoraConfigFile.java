package dev.fenlei.lora.adapter;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Reads and writes `adapter_config.json`.
final class LoraConfigFile {

    static final String NAME = "adapter_config.json";

    /// Settings that change the mathematics, with the values that change nothing.
    private static final Map<String, Set<String>> NEUTRAL = Map.ofEntries(
            Map.entry("fan_in_fan_out", Set.of("false")),
            Map.entry("lora_bias", Set.of("false")),
            Map.entry("ensure_weight_tying", Set.of("false")),
            Map.entry("use_qalora", Set.of("false")),
            Map.entry("use_bdlora", Set.of("false")),
            Map.entry("megatron_config", Set.of()),
            Map.entry("loftq_config", Set.of()),
            Map.entry("layer_replication", Set.of()),
            Map.entry("target_parameters", Set.of()),
            Map.entry("trainable_token_indices", Set.of()),
            Map.entry("alora_invocation_tokens", Set.of()),
            Map.entry("arrow_config", Set.of()),
            Map.entry("kasa_config", Set.of()),
            Map.entry("velora_config", Set.of()),
            Map.entry("monteclora_config", Set.of()),
            Map.entry("init_lora_weights", Set.of("true", "false", "gaussian", "orthogonal", "eva")));

    private final Path file;
    private final JsonNode json;

    private LoraConfigFile(Path file, JsonNode json) {
        this.file = file;
        this.json = json;
    }

    static LoraConfig load(Path directory) throws IOException {
        Path file = directory.resolve(NAME);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString(), null, "an adapter directory holds an " + NAME);
        }
        if (Files.size(file) > 1 << 20) {
            throw new AdapterException(file, "larger than 1 MiB");
        }
        try {
            return new LoraConfigFile(file, JsonMapper.shared().readTree(Files.readString(file))).parse();
        } catch (JacksonException e) {
            throw new AdapterException(file, "malformed JSON: " + e.getOriginalMessage());
        } catch (IllegalArgumentException e) {
            throw new AdapterException(file, String.valueOf(e.getMessage()));
        }
    }

    private LoraConfig parse() throws AdapterException {
        if (!json.path("peft_type").asString("").equals("LORA")) {
            throw new AdapterException(
                    file, "field 'peft_type' is " + json.path("peft_type") + "; supported is \"LORA\"");
        }
        for (Map.Entry<String, Set<String>> entry : NEUTRAL.entrySet()) {
            JsonNode value = json.path(entry.getKey());
            boolean empty = isAbsent(value) || value.isContainer() && value.isEmpty();
            if (!empty && !entry.getValue().contains(value.asString(value.toString()))) {
                throw new AdapterException(
                        file, "field '" + entry.getKey() + "' is " + value + ", which is not supported");
            }
        }
        return new LoraConfig(
                json.path("base_model_name_or_path").stringValueOpt().orElse(null),
                value("r", 8, JsonNode::isInt, JsonNode::intValue),
                value("lora_alpha", 8.0, JsonNode::isNumber, JsonNode::doubleValue),
                value("lora_dropout", 0.0, JsonNode::isNumber, JsonNode::doubleValue),
                targets(),
                value("use_rslora", false, JsonNode::isBoolean, JsonNode::booleanValue),
                value("use_dora", false, JsonNode::isBoolean, JsonNode::booleanValue),
                pattern("rank_pattern", JsonNode::isInt, JsonNode::intValue),
                pattern("alpha_pattern", JsonNode::isNumber, JsonNode::doubleValue),
                bias(),
                strings("modules_to_save"));
    }

    private TargetModules targets() throws AdapterException {
        JsonNode node = json.path("target_modules");
        boolean allLinear = node.isString() && TargetModules.isAllLinear(node.stringValue());
        ModuleNames names = allLinear ? null : names("target_modules");
        if (names != null && names.isEmpty()) {
            throw new AdapterException(file, "field 'target_modules' is missing or empty");
        }
        JsonNode pattern = json.path("layers_pattern");
        List<String> patterns = pattern.isString() ? List.of(pattern.stringValue()) : strings("layers_pattern");
        return new TargetModules(
                names, names("exclude_modules"), layers(), patterns.stream().filter(p -> !p.isEmpty()).toList());
    }

    /// A list of names, or a pattern.
    private ModuleNames names(String field) throws AdapterException {
        JsonNode node = json.path(field);
        if (!node.isString()) {
            return ModuleNames.listed(strings(field));
        }
        String regex = node.stringValue();
        return regex.isEmpty() ? ModuleNames.NONE : ModuleNames.matching(field, regex);
    }

    private @Nullable List<Integer> layers() throws AdapterException {
        JsonNode node = json.path("layers_to_transform");
        if (isAbsent(node) || node.isArray() && node.isEmpty()) {
            return null;
        }
        List<Integer> layers = new ArrayList<>();
        for (JsonNode item : node.isArray() ? node : List.of(node)) {
            if (!item.isInt()) {
                throw new AdapterException(
                        file, "field 'layers_to_transform' holds " + item + ", which is not the number of a layer");
            }
            layers.add(item.intValue());
        }
        return layers;
    }

    private Bias bias() throws AdapterException {
        String value = value("bias", "none", JsonNode::isString, JsonNode::stringValue);
        return Arrays.stream(Bias.values())
                .filter(bias -> bias.toJson().equals(value))
                .findFirst()
                .orElseThrow(() -> new AdapterException(
                        file, "field 'bias' is \"" + value + "\"; known are \"none\", \"lora_only\" and \"all\""));
    }

    private <T> T value(String field, T fallback, Predicate<JsonNode> check, Function<JsonNode, T> value)
            throws AdapterException {
        JsonNode node = json.path(field);
        if (isAbsent(node)) {
            return fallback;
        }
        if (!check.test(node)) {
            throw new AdapterException(
                    file, "field '" + field + "' is " + node + ", which is not a " + kind(fallback));
        }
        return value.apply(node);
    }

    private static String kind(Object example) {
        return switch (example) {
            case Boolean _ -> "truth value";
            case Integer _ -> "whole number";
            case Double _ -> "number";
            default -> "word";
        };
    }

    private List<String> strings(String field) throws AdapterException {
        JsonNode node = json.path(field);
        List<String> result = new ArrayList<>();
        if (isAbsent(node)) {
            return result;
        }
        if (!node.isArray()) {
            throw new AdapterException(file, "field '" + field + "' is " + node + ", which is not a list of names");
        }
        for (JsonNode item : node) {
            if (!item.isString()) {
                throw new AdapterException(file, "field '" + field + "' holds " + item + ", which is not a name");
            }
            result.add(item.stringValue());
        }
        return result;
    }

    private <T> Map<String, T> pattern(String field, Predicate<JsonNode> check, Function<JsonNode, T> value)
            throws AdapterException {
        Map<String, T> result = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : json.path(field).properties()) {
            if (!check.test(entry.getValue())) {
                throw new AdapterException(
                        file, "field '" + field + "." + entry.getKey() + "' is " + entry.getValue() + ", not a number");
            }
            result.put(entry.getKey(), value.apply(entry.getValue()));
        }
        return result;
    }

    private static boolean isAbsent(JsonNode node) {
        return node.isMissingNode() || node.isNull();
    }

    /// The file's contents as PEFT writes them: sorted keys, two spaces.
    static byte[] toJson(LoraConfig config) {
        TargetModules targets = config.targets();
        Map<String, @Nullable Object> keys = new TreeMap<>();
        Map<String, Number> alphas = new LinkedHashMap<>();
        config.alphaPattern().forEach((pattern, value) -> alphas.put(pattern, number(value)));
        keys.put("alpha_pattern", alphas);
        keys.put("auto_mapping", null);
        keys.put("base_model_name_or_path", config.baseModel());
        keys.put("bias", config.bias().toJson());
        // Older versions of PEFT do not know this key and refuse it.
        if (!targets.excluded().isEmpty()) {
            keys.put("exclude_modules", targets.excluded().toJson());
        }
        keys.put("fan_in_fan_out", false);
        keys.put("inference_mode", true);
        keys.put("init_lora_weights", true);
        keys.put("layer_replication", null);
        keys.put("layers_pattern", targets.layersPattern().isEmpty() ? null : targets.layersPattern());
        keys.put("layers_to_transform", targets.layers());
        keys.put("loftq_config", Map.of());
        keys.put("lora_alpha", number(config.alpha()));
        keys.put("lora_dropout", config.dropout());
        keys.put("megatron_config", null);
        keys.put("megatron_core", "megatron.core");
        keys.put("modules_to_save", config.modulesToSave().isEmpty() ? null : config.modulesToSave());
        keys.put("peft_type", "LORA");
        keys.put("r", config.rank());
        keys.put("rank_pattern", config.rankPattern());
        keys.put("revision", null);
        keys.put("target_modules", targets.toJson());
        keys.put("task_type", "CAUSAL_LM");
        keys.put("use_dora", config.dora());
        keys.put("use_rslora", config.rankStabilized());
        return JsonMapper.shared()
                .writer()
                .with(printer())
                .writeValueAsString(keys)
                .getBytes(StandardCharsets.UTF_8);
    }

    /// Python's layout: no space before a colon, every element of a list on its own line.
    private static PrettyPrinter printer() {
        DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
        return new DefaultPrettyPrinter(Separators.createDefaultInstance()
                .withObjectNameValueSpacing(Separators.Spacing.AFTER)
                .withObjectEmptySeparator("")
                .withArrayEmptySeparator(""))
                .withObjectIndenter(indenter)
                .withArrayIndenter(indenter);
    }

    private static Number number(double value) {
        return value == Math.rint(value) ? (Number) (long) value : (Number) value;
    }
}
