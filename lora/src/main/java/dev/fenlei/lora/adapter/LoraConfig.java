package dev.fenlei.lora.adapter;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.util.DefaultIndenter;
import tools.jackson.core.util.DefaultPrettyPrinter;
import tools.jackson.core.util.Separators;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// The settings of a LoRA adapter (Hu et al. 2021), as PEFT keeps them in `adapter_config.json`.
///
/// @param baseModel `base_model_name_or_path`; information only
/// @param rank r, the width of the bottleneck
/// @param alpha the update is scaled by `alpha / r`
/// @param dropout probability that an element of the input is dropped in training
/// @param targets which linear maps, and whether the embedding, are adapted
/// @param rankStabilized scales by `alpha / √r` instead (rsLoRA, Kalajdzievski 2023)
/// @param rankPattern ranks of modules whose names match a pattern; the first match counts
/// @param alphaPattern alphas of modules whose names match a pattern; the first match counts
/// @param modulesToSave modules trained in full; `lm_head` is supported
public record LoraConfig(
        @Nullable String baseModel,
        int rank,
        double alpha,
        double dropout,
        Targets targets,
        boolean rankStabilized,
        Map<String, Integer> rankPattern,
        Map<String, Double> alphaPattern,
        List<String> modulesToSave) {

    static final String FILE = "adapter_config.json";

    /// The linear maps of a decoder layer.
    public static final List<String> ALL_MODULES = List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
            "up_proj", "down_proj");

    /// The embedding, which only its name selects: `all-linear` leaves it alone.
    public static final String EMBEDDING = "embed_tokens";

    static final String EMBEDDING_MODULE = "model." + EMBEDDING;

    private static final int MAX_RANK = 4096;

    /// Settings that change the mathematics, with the values that change nothing.
    private static final Map<String, Set<String>> NEUTRAL = Map.ofEntries(
            Map.entry("bias", Set.of("none")),
            Map.entry("use_dora", Set.of("false")),
            Map.entry("fan_in_fan_out", Set.of("false")),
            Map.entry("lora_bias", Set.of("false")),
            Map.entry("use_qalora", Set.of("false")),
            Map.entry("use_bdlora", Set.of("false")),
            Map.entry("layer_replication", Set.of()),
            Map.entry("layers_to_transform", Set.of()),
            Map.entry("layers_pattern", Set.of()),
            Map.entry("exclude_modules", Set.of()),
            Map.entry("target_parameters", Set.of()),
            Map.entry("trainable_token_indices", Set.of()),
            Map.entry("alora_invocation_tokens", Set.of()),
            Map.entry("arrow_config", Set.of()),
            Map.entry("kasa_config", Set.of()),
            Map.entry("velora_config", Set.of()),
            Map.entry("monteclora_config", Set.of()),
            Map.entry("init_lora_weights", Set.of("true", "false", "gaussian", "orthogonal")));

    /// Which modules are adapted: `names` by the last parts of their names, `regex` by a pattern for the whole name, or
    /// every linear map when both are null (`all-linear`).
    ///
    /// @param names for example `q_proj`
    /// @param regex must match the whole module name
    public record Targets(@Nullable List<String> names, @Nullable Pattern regex) {

        /// By the last parts of the names; the single name `all-linear` stands for all.
        public static Targets named(List<String> names) {
            return names.equals(List.of("all-linear"))
                    ? new Targets(null, null)
                    : new Targets(List.copyOf(names), null);
        }

        /// Whether a module is adapted.
        public boolean matches(String module) {
            if (names != null) {
                return names.stream().anyMatch(name -> module.equals(name) || module.endsWith("." + name));
            }
            return regex == null || regex.matcher(module).matches();
        }

        /// The value of `target_modules`: a list of names, a pattern, or `all-linear`.
        public Object toJson() {
            return names != null ? names : regex != null ? regex.pattern() : "all-linear";
        }

        /// Whether an embedding is adapted, which is not one of the linear maps.
        boolean matchesEmbedding(String module) {
            return (names != null || regex != null) && matches(module);
        }
    }

    public LoraConfig {
        checkRank("r", rank);
        checkAlpha("lora_alpha", alpha);
        rankPattern.forEach((pattern, value) -> checkRank("rank_pattern." + pattern, value));
        alphaPattern.forEach((pattern, value) -> checkAlpha("alpha_pattern." + pattern, value));
        require(dropout >= 0 && dropout < 1, "lora_dropout must lie between 0 and 1, it is " + dropout);
        // The order of patterns matters: the first match counts.
        rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
        alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
        modulesToSave = List.copyOf(modulesToSave);
        require(
                modulesToSave.isEmpty() || modulesToSave.equals(List.of("lm_head")),
                "modules_to_save can only be [\"lm_head\"], it is " + modulesToSave);
    }

    /// Plain LoRA on the named modules.
    public static LoraConfig of(int rank, double alpha, double dropout, List<String> targets) {
        return new LoraConfig(
                null, rank, alpha, dropout, Targets.named(targets), false, Map.of(), Map.of(), List.of());
    }

    /// The same settings with the base model's name.
    public LoraConfig withBaseModel(String name) {
        return new LoraConfig(
                name, rank, alpha, dropout, targets, rankStabilized, rankPattern, alphaPattern, modulesToSave);
    }

    /// The rank of one module.
    public int rankOf(String module) {
        return match(rankPattern, module, rank);
    }

    /// The factor of one module's update.
    public double scalingOf(String module) {
        int r = rankOf(module);
        double a = match(alphaPattern, module, alpha);
        return a / (rankStabilized ? Math.sqrt(r) : r);
    }

    private static <T> T match(Map<String, T> patterns, String module, T fallback) {
        for (Map.Entry<String, T> entry : patterns.entrySet()) {
            if (Pattern.matches("(.*\\.)?(" + entry.getKey() + ")", module)) {
                return entry.getValue();
            }
        }
        return fallback;
    }

    /// Reads `adapter_config.json` of an adapter's directory. Unknown keys are ignored.
    ///
    /// @throws AdapterException if a setting is malformed or asks for mathematics that are not implemented
    public static LoraConfig load(Path directory) throws IOException {
        Path file = directory.resolve(FILE);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString(), null, "an adapter directory holds an " + FILE);
        }
        if (Files.size(file) > 1 << 20) {
            throw new AdapterException(file, "larger than 1 MiB");
        }
        try {
            return parse(file, JsonMapper.shared().readTree(Files.readString(file)));
        } catch (JacksonException e) {
            throw new AdapterException(file, "malformed JSON: " + e.getOriginalMessage());
        } catch (IllegalArgumentException e) {
            throw new AdapterException(file, String.valueOf(e.getMessage()));
        }
    }

    private static LoraConfig parse(Path file, JsonNode json) throws AdapterException {
        if (!json.path("peft_type").asString("").equals("LORA")) {
            throw new AdapterException(file,
                    "field 'peft_type' is " + json.path("peft_type") + "; supported is \"LORA\"");
        }
        for (Map.Entry<String, Set<String>> entry : NEUTRAL.entrySet()) {
            JsonNode value = json.path(entry.getKey());
            boolean empty = value.isMissingNode() || value.isNull() || value.isContainer() && value.isEmpty();
            if (!empty && !entry.getValue().contains(value.asString(value.toString()))) {
                throw new AdapterException(
                        file, "field '" + entry.getKey() + "' is " + value + ", which is not supported");
            }
        }
        return new LoraConfig(
                json.path("base_model_name_or_path").stringValueOpt().orElse(null),
                value(file, json, "r", 8, JsonNode::isInt, JsonNode::intValue),
                value(file, json, "lora_alpha", 8.0, JsonNode::isNumber, JsonNode::doubleValue),
                value(file, json, "lora_dropout", 0.0, JsonNode::isNumber, JsonNode::doubleValue),
                targets(file, json.path("target_modules")),
                value(file, json, "use_rslora", false, JsonNode::isBoolean, JsonNode::booleanValue),
                pattern(file, json.path("rank_pattern"), "rank_pattern", JsonNode::isInt, JsonNode::intValue),
                pattern(file, json.path("alpha_pattern"), "alpha_pattern", JsonNode::isNumber, JsonNode::doubleValue),
                strings(file, json.path("modules_to_save"), "modules_to_save"));
    }

    private static <T> T value(
            Path file, JsonNode json, String field, T fallback, Predicate<JsonNode> check, Function<JsonNode, T> value)
            throws AdapterException {
        JsonNode node = json.path(field);
        if (node.isMissingNode() || node.isNull()) {
            return fallback;
        }
        if (!check.test(node)) {
            throw new AdapterException(
                    file, "field '" + field + "' is " + node + ", which is not a " + kind(fallback));
        }
        return value.apply(node);
    }

    private static String kind(Object example) {
        return example instanceof Boolean ? "truth value" : example instanceof Integer ? "whole number" : "number";
    }

    private static Targets targets(Path file, JsonNode node) throws AdapterException {
        if (node.isString()) {
            if (node.stringValue().equals("all-linear")) {
                return new Targets(null, null);
            }
            return new Targets(null, compile(file, "target_modules", node.stringValue()));
        }
        List<String> names = strings(file, node, "target_modules");
        if (names.isEmpty()) {
            throw new AdapterException(file, "field 'target_modules' is missing or empty");
        }
        return Targets.named(names);
    }

    private static List<String> strings(Path file, JsonNode node, String field) throws AdapterException {
        List<String> result = new ArrayList<>();
        if (node.isMissingNode() || node.isNull()) {
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

    private static <T> Map<String, T> pattern(
            Path file,
            JsonNode node,
            String field,
            Predicate<JsonNode> check,
            Function<JsonNode, T> value)
            throws AdapterException {
        Map<String, T> result = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            if (!check.test(entry.getValue())) {
                throw new AdapterException(
                        file, "field '" + field + "." + entry.getKey() + "' is " + entry.getValue() + ", not a number");
            }
            compile(file, field, entry.getKey());
            result.put(entry.getKey(), value.apply(entry.getValue()));
        }
        return result;
    }

    private static Pattern compile(Path file, String field, String regex) throws AdapterException {
        try {
            return Pattern.compile(regex);
        } catch (PatternSyntaxException e) {
            throw new AdapterException(file, "field '" + field + "' holds the malformed pattern " + regex);
        }
    }

    /// The file's contents as PEFT writes them: sorted keys, two spaces.
    byte[] toJson() {
        Map<String, @Nullable Object> keys = new TreeMap<>();
        Map<String, Number> alphas = new LinkedHashMap<>();
        alphaPattern.forEach((pattern, value) -> alphas.put(pattern, number(value)));
        keys.put("alpha_pattern", alphas);
        keys.put("auto_mapping", null);
        keys.put("base_model_name_or_path", baseModel);
        keys.put("bias", "none");
        keys.put("fan_in_fan_out", false);
        keys.put("inference_mode", true);
        keys.put("init_lora_weights", true);
        keys.put("layer_replication", null);
        keys.put("layers_pattern", null);
        keys.put("layers_to_transform", null);
        keys.put("loftq_config", Map.of());
        keys.put("lora_alpha", number(alpha));
        keys.put("lora_dropout", dropout);
        keys.put("megatron_config", null);
        keys.put("megatron_core", "megatron.core");
        keys.put("modules_to_save", modulesToSave.isEmpty() ? null : modulesToSave);
        keys.put("peft_type", "LORA");
        keys.put("r", rank);
        keys.put("rank_pattern", rankPattern);
        keys.put("revision", null);
        keys.put("target_modules", targets.toJson());
        keys.put("task_type", "CAUSAL_LM");
        keys.put("use_dora", false);
        keys.put("use_rslora", rankStabilized);
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

    private static void checkRank(String field, int rank) {
        require(rank >= 1 && rank <= MAX_RANK, field + " must lie between 1 and " + MAX_RANK + ", it is " + rank);
    }

    private static void checkAlpha(String field, double alpha) {
        require(alpha > 0 && Double.isFinite(alpha), field + " must be positive, it is " + alpha);
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
