package dev.fenlei.cli.commands;

import dev.fenlei.lora.adapter.Bias;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.adapter.ModuleNames;
import dev.fenlei.lora.adapter.TargetModules;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// What kind of adapter to train, under the names of PEFT's settings.
final class AdapterOptions {

    @Option(names = "--lora-r", description = "Rank of the adapter (default: 8; small models 16).")
    private @Nullable Integer rank;

    @Option(names = "--lora-alpha", description = "The update is scaled by alpha / r (default: 32).")
    private @Nullable Double alpha;

    @Option(names = "--lora-dropout", description = "Dropout on the adapter's input (default: 0.1; small models 0).")
    private @Nullable Double dropout;

    @Option(names = "--target-modules", split = ",",
            description = "Modules to adapt: names or the last parts of names, all-linear, or one regular expression for the "
                    + "whole name (default: all-linear; small models embed_tokens as well).")
    private List<String> targets = new ArrayList<>();

    @Option(names = "--exclude-modules", split = ",", paramLabel = "NAME",
            description = "Modules that stay as they are although they are targets.")
    private List<String> excluded = new ArrayList<>();

    @Option(names = "--layers-to-transform", split = ",", paramLabel = "N",
            description = "Numbers of the layers whose modules are adapted, from 0 (default: all). Needs names in "
                    + "--target-modules.")
    private List<Integer> layers = new ArrayList<>();

    @Option(names = "--layers-pattern", split = ",", paramLabel = "NAME",
            description = "The part of a name before the number of a layer (default: any).")
    private List<String> layersPattern = new ArrayList<>();

    @Option(names = "--rank-pattern", paramLabel = "REGEX=R",
            description = "Another rank for modules whose names end with a match; may be repeated, the first match counts.")
    private Map<String, Integer> rankPattern = new LinkedHashMap<>();

    @Option(names = "--alpha-pattern", paramLabel = "REGEX=ALPHA",
            description = "Another alpha for modules whose names end with a match; may be repeated, the first match counts.")
    private Map<String, Double> alphaPattern = new LinkedHashMap<>();

    @Option(names = "--rslora", description = "Scale the update by alpha / sqrt(r).")
    private boolean rankStabilized;

    @Option(names = "--dora", description = "DoRA: train the length of every row of a weight apart from its direction.")
    private boolean dora;

    @Option(names = "--bias", paramLabel = "none|lora_only|all",
            description = "Biases of the model to train as well: none, those of the adapted modules, or all (default: none).")
    private Bias bias = Bias.NONE;

    @Option(names = "--modules-to-save", split = ",", paramLabel = "NAME",
            description = "Modules to train in full and to keep in the adapter, by the ends of their names, such as lm_head, "
                    + "embed_tokens or norm.")
    private List<String> modulesToSave = new ArrayList<>();

    /// @param model the base model's directory
    /// @param recipe what was not given means
    /// @throws IllegalArgumentException if the settings are impossible
    LoraConfig config(Path model, Recipe recipe) {
        TargetModules modules = TargetModules.of(targets.isEmpty() ? recipe.targets() : targets)
                .without(ModuleNames.listed(excluded));
        if (!layers.isEmpty() || !layersPattern.isEmpty()) {
            modules = modules.inLayers(layers, layersPattern);
        }
        return new LoraConfig(
                model.toString(),
                Objects.requireNonNullElse(rank, recipe.rank()),
                Objects.requireNonNullElse(alpha, recipe.alpha()),
                Objects.requireNonNullElse(dropout, recipe.dropout()),
                modules,
                rankStabilized,
                dora,
                rankPattern,
                alphaPattern,
                bias,
                modulesToSave);
    }
}
