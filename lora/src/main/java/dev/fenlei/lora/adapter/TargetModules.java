package dev.fenlei.lora.adapter;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Which modules an adapter adapts, by the rules of PEFT's `check_target_module_exists`.
///
/// @param names `target_modules`; null for every linear map of the layers (`all-linear`)
/// @param excluded `exclude_modules`, which come before everything else
/// @param layers `layers_to_transform`: the numbers of the layers whose modules are adapted; null for all layers. A module that
///     `names` gives by its whole name is adapted in any case.
/// @param layersPattern `layers_pattern`: patterns of the name before a layer's number; empty for any name
public record TargetModules(
        @Nullable ModuleNames names, ModuleNames excluded, @Nullable List<Integer> layers,
        List<String> layersPattern) {

    /// The linear maps of a decoder layer.
    public static final List<String> LINEAR = List.of("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
            "up_proj", "down_proj");

    /// The embedding, which only its name selects: `all-linear` leaves it alone.
    public static final String EMBEDDING = "embed_tokens";

    /// The head, which only its name selects: `all-linear` leaves it alone.
    public static final String HEAD = "lm_head";

    private static final String ALL_LINEAR = "all-linear";
    private static final Pattern PLAIN_NAME = Pattern.compile("[\\w.-]+");

    /// @throws IllegalArgumentException if `layers` and `layersPattern` cannot be followed
    public TargetModules {
        layersPattern = List.copyOf(layersPattern);
        if (layers != null) {
            layers = List.copyOf(layers);
            require(
                    names != null && names.regex() == null,
                    "layers_to_transform cannot be used when target_modules is a string");
        }
        require(layersPattern.isEmpty() || layers != null, "layers_pattern needs layers_to_transform");
        layersPattern.forEach(pattern -> ModuleNames.requirePattern("layers_pattern", pattern));
    }

    /// By names; the single name `all-linear` stands for every linear map of the layers, and a single item that cannot be
    /// a name is a pattern for the whole name.
    ///
    /// @throws IllegalArgumentException if such a pattern is malformed
    public static TargetModules of(List<String> names) {
        ModuleNames targets = names.size() == 1 && !PLAIN_NAME.matcher(names.getFirst()).matches()
                ? ModuleNames.matching("target_modules", names.getFirst())
                : ModuleNames.listed(names);
        return new TargetModules(
                names.size() == 1 && isAllLinear(names.getFirst()) ? null : targets, ModuleNames.NONE, null, List.of());
    }

    /// Whether a value of `target_modules` stands for every linear map.
    static boolean isAllLinear(String value) {
        return value.equalsIgnoreCase(ALL_LINEAR);
    }

    /// The same targets without some modules.
    public TargetModules without(ModuleNames modules) {
        return new TargetModules(names, modules, layers, layersPattern);
    }

    /// The same targets in some layers only.
    ///
    /// @throws IllegalArgumentException if the targets are a pattern or `all-linear`
    public TargetModules inLayers(List<Integer> numbers, List<String> pattern) {
        return new TargetModules(names, excluded, numbers, pattern);
    }

    /// Whether a linear map of a layer is adapted.
    public boolean matches(String module) {
        return !excluded.matches(module) && (names == null || names.matches(module) && isInLayers(module, names));
    }

    /// Whether the head or the embedding is adapted, which are not among all linear maps.
    boolean matchesByName(String module) {
        return names != null && matches(module);
    }

    private boolean isInLayers(String module, ModuleNames listed) {
        if (layers == null || listed.names().contains(module)) {
            return true;
        }
        for (String name : layersPattern.isEmpty() ? List.of("[^.]*") : layersPattern) {
            Matcher matcher = Pattern.compile(".*\\." + name + "\\.(\\d+)\\.").matcher(module);
            if (matcher.lookingAt()) {
                return layers.stream().map(String::valueOf).anyMatch(matcher.group(matcher.groupCount())::equals);
            }
        }
        return false;
    }

    /// The value of `target_modules`: a list of names, a pattern, or `all-linear`.
    public Object toJson() {
        return names == null ? ALL_LINEAR : names.toJson();
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }
}
