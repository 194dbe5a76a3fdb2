package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.DurableFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/// A LoRA adapter for one decoder, in the form in which PEFT keeps it on disk.
///
/// A decoder can have any number of adapters, of which one at a time is in effect: the one that was made or loaded last, or
/// that [#select] named since. [Decoder#restore] leaves the base model. Neither loads or copies anything, so that every pass
/// can have another adapter.
public final class Adapter {

    private final Decoder decoder;
    private final LoraConfig config;
    private final List<AdaptedModule> modules;
    private final List<AdapterTensor> tensors;

    /// @throws IllegalArgumentException naming the setting, if it matches no module
    private Adapter(Decoder decoder, LoraConfig config) {
        this.decoder = decoder;
        this.config = config;
        this.modules = AdapterModules.of(decoder, config);
        this.tensors = modules.stream().flatMap(module -> module.tensors().stream()).toList();
    }

    /// Makes a fresh adapter and selects it: A ~ U(±1/√in) (He et al. 2015 with a = √5), B = 0, the magnitudes of DoRA the
    /// norms of the frozen weights, so that the model's output does not change at first.
    ///
    /// @throws IllegalArgumentException naming the setting, if it matches no module
    public static Adapter create(Decoder decoder, LoraConfig config, long seed) {
        Adapter adapter = new Adapter(decoder, config);
        decoder.restore();
        int index = 0;
        for (AdaptedModule module : adapter.modules) {
            module.initialize(decoder.backend(), Philox.mix(seed, index++));
        }
        adapter.select();
        return adapter;
    }

    /// Loads an adapter from a PEFT directory and selects it.
    ///
    /// @throws AdapterException if its tensors do not fit its configuration or the model, every one at fault being named. The
    ///     decoder keeps the adapter that it had.
    public static Adapter load(Decoder decoder, Path directory) throws IOException {
        LoraConfig config = LoraConfig.load(directory);
        Adapter adapter;
        try {
            adapter = new Adapter(decoder, config);
        } catch (IllegalArgumentException e) {
            throw new AdapterException(directory.resolve(LoraConfigFile.NAME), String.valueOf(e.getMessage()));
        }
        AdapterFile.read(directory, adapter.tensors, decoder);
        adapter.select();
        return adapter;
    }

    /// Takes the weights of an adapter of the same settings, such as one that this one was [saved][#save] as. The optimizer's
    /// view of them, [#parameters], stays the same.
    ///
    /// @throws AdapterException if its tensors do not fit
    public void restore(Path directory) throws IOException {
        AdapterFile.read(directory, tensors, decoder);
    }

    /// Puts this adapter into effect in place of any other, between passes. Keys and values that were computed before belong to
    /// what was selected then.
    public void select() {
        decoder.restore();
        modules.forEach(AdaptedModule::select);
    }

    /// The settings.
    public LoraConfig config() {
        return config;
    }

    /// What is trained, with the names that PEFT gives the tensors on disk.
    public List<Parameter> parameters() {
        return tensors.stream().map(AdapterTensor::parameter).toList();
    }

    /// The number of trained weights.
    public long size() {
        return tensors.stream().mapToLong(tensor -> tensor.parameter().value().size()).sum();
    }

    /// What it does to the tensors of the base model, by their names on disk.
    Map<String, AdaptedModule> byTarget() {
        return modules.stream().collect(Collectors.toMap(AdaptedModule::target, Function.identity()));
    }

    /// Writes `adapter_model.safetensors` and `adapter_config.json`; each file is whole or absent.
    public void save(Path directory) throws IOException {
        Files.createDirectories(directory);
        AdapterFile.write(directory, tensors);
        DurableFiles.write(directory.resolve(LoraConfigFile.NAME), LoraConfigFile.toJson(config));
    }
}
