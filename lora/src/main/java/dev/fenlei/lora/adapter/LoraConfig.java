package dev.fenlei.lora.adapter;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// The settings of a LoRA adapter (Hu et al. 2021), as PEFT keeps them in `adapter_config.json`.
///
/// @param baseModel `base_model_name_or_path`; information only
/// @param rank r, the width of the bottleneck
/// @param alpha the update is scaled by `alpha / r`
/// @param dropout probability that an element of the input is dropped in training
/// @param targets which modules are adapted
/// @param rankStabilized scales by `alpha / √r` instead (rsLoRA, Kalajdzievski 2023)
/// @param dora trains the length of every row of a weight apart from its direction (DoRA, Liu et al. 2024)
/// @param rankPattern ranks of modules whose names match a pattern; the first match counts
/// @param alphaPattern alphas of modules whose names match a pattern; the first match counts
/// @param bias which biases are trained as well
/// @param modulesToSave modules trained in full, by the ends of their names, as PEFT compares them; a module within such a
///     module is one of them
public record LoraConfig(
        @Nullable String baseModel,
        int rank,
        double alpha,
        double dropout,
        TargetModules targets,
        boolean rankStabilized,
        boolean dora,
        Map<String, Integer> rankPattern,
        Map<String, Double> alphaPattern,
        Bias bias,
        List<String> modulesToSave) {

    private static final int MAX_RANK = 4096;

    public LoraConfig {
        checkRank("r", rank);
        checkAlpha("lora_alpha", alpha);
        rankPattern.forEach((pattern, value) -> checkRank("rank_pattern." + pattern, value));
        alphaPattern.forEach((pattern, value) -> checkAlpha("alpha_pattern." + pattern, value));
        rankPattern.keySet().forEach(pattern -> ModuleNames.requirePattern("rank_pattern", pattern));
        alphaPattern.keySet().forEach(pattern -> ModuleNames.requirePattern("alpha_pattern", pattern));
        require(dropout >= 0 && dropout < 1, "lora_dropout must lie between 0 and 1, it is " + dropout);
        // The order of patterns matters: the first match counts.
        rankPattern = Collections.unmodifiableMap(new LinkedHashMap<>(rankPattern));
        alphaPattern = Collections.unmodifiableMap(new LinkedHashMap<>(alphaPattern));
        modulesToSave = List.copyOf(modulesToSave);
        require(modulesToSave.stream().noneMatch(String::isBlank), "modules_to_save holds a blank name");
    }

    /// Plain LoRA on the named modules.
    public static LoraConfig of(int rank, double alpha, double dropout, List<String> targets) {
        return new LoraConfig(
                null, rank, alpha, dropout, TargetModules.of(targets), false, false, Map.of(), Map.of(), Bias.NONE,
                List.of());
    }

    /// The same settings with the base model's name.
    public LoraConfig withBaseModel(String name) {
        return new LoraConfig(
                name, rank, alpha, dropout, targets, rankStabilized, dora, rankPattern, alphaPattern, bias,
                modulesToSave);
    }

    /// The same settings with DoRA.
    public LoraConfig withDora() {
        return new LoraConfig(
                baseModel, rank, alpha, dropout, targets, rankStabilized, true, rankPattern, alphaPattern, bias,
                modulesToSave);
    }

    /// The same settings with other weights of the base model trained beside the adapter.
    public LoraConfig training(Bias biases, List<String> modules) {
        return new LoraConfig(
                baseModel, rank, alpha, dropout, targets, rankStabilized, dora, rankPattern, alphaPattern, biases,
                modules);
    }

    /// Whether a linear map of a layer is adapted.
    public boolean adapts(String module) {
        return targets.matches(module) && !saves(module);
    }

    /// Whether the head or the embedding is adapted.
    boolean adaptsByName(String module) {
        return targets.matchesByName(module) && !saves(module);
    }

    /// Whether a module is trained in full.
    public boolean saves(String module) {
        for (String part = module; !part.isEmpty(); part = part.substring(0, Math.max(0, part.lastIndexOf('.')))) {
            if (modulesToSave.stream().anyMatch(part::endsWith)) {
                return true;
            }
        }
        return false;
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
        return LoraConfigFile.load(directory);
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
