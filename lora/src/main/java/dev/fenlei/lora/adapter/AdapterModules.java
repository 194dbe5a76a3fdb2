package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Embedding;
import dev.fenlei.engine.model.Linear;
import dev.fenlei.engine.model.Weight;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/// Finds out which tensors of a model an adapter's settings mean, and makes what is trained for each.
final class AdapterModules {

    private final Backend backend;
    private final Decoder decoder;
    private final LoraConfig config;
    private final List<AdaptedModule> modules = new ArrayList<>();
    private final Set<String> adapted = new HashSet<>();

    private AdapterModules(Decoder decoder, LoraConfig config) {
        this.backend = decoder.backend();
        this.decoder = decoder;
        this.config = config;
    }

    /// @throws IllegalArgumentException naming the setting, if it matches no module
    static List<AdaptedModule> of(Decoder decoder, LoraConfig config) {
        AdapterModules result = new AdapterModules(decoder, config);
        result.addAdapted();
        result.addBiases();
        result.addSaved();
        return result.modules;
    }

    private void addAdapted() {
        decoder.linears().stream().filter(linear -> config.adapts(linear.name())).forEach(this::add);
        if (config.adaptsByName(decoder.head().name())) {
            add(decoder.head());
        }
        Embedding table = decoder.embedding();
        if (config.adaptsByName(table.name())) {
            LoraEmbedding update = LoraEmbedding.create(
                    backend, table, config.rankOf(table.name()), config.scalingOf(table.name()));
            modules.add(config.dora() ? new DoraEmbedding(backend, update) : update);
            adapted.add(table.name());
        }
        if (modules.isEmpty()) {
            throw new IllegalArgumentException(
                    "target_modules matches no module of the model that is not excluded; its modules are "
                            + TargetModules.LINEAR + ", " + TargetModules.EMBEDDING + " and " + TargetModules.HEAD);
        }
    }

    private void add(Linear linear) {
        String name = linear.name();
        InputDropout dropout = new InputDropout((float) config.dropout(), modules.size());
        LoraLinear update = LoraLinear.create(
                backend, linear, config.rankOf(name), config.scalingOf(name),
                config.dora() ? InputDropout.NONE : dropout);
        modules.add(config.dora() ? new DoraLinear(backend, update, dropout) : update);
        adapted.add(name);
    }

    private void addBiases() {
        for (Weight weight : decoder.tensors()) {
            String module = weight.module();
            boolean trained = switch (config.bias()) {
                case NONE -> false;
                case LORA_ONLY -> adapted.contains(module);
                case ALL -> true;
            };
            if (weight.isBias() && trained && !config.saves(module)) {
                // PEFT wraps an adapted module, so that its own tensors lie one level deeper.
                String name = adapted.contains(module) ? module + ".base_layer.bias" : weight.name();
                modules.add(TrainedWeight.create(backend, weight, name, config.bias() == Bias.LORA_ONLY));
            }
        }
    }

    private void addSaved() {
        List<Weight> saved = decoder.tensors().stream().filter(weight -> config.saves(weight.module())).toList();
        for (String name : config.modulesToSave()) {
            LoraConfig alone = config.training(Bias.NONE, List.of(name));
            if (saved.stream().noneMatch(weight -> alone.saves(weight.module()))) {
                throw new IllegalArgumentException(
                        "modules_to_save holds " + name + ", which is the end of no module's name");
            }
        }
        saved.forEach(weight -> modules.add(TrainedWeight.create(backend, weight, weight.name(), false)));
    }
}
