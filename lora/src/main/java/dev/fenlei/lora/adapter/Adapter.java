package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Linear;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/// A LoRA adapter attached to a decoder, in the form in which PEFT keeps it on disk.
public final class Adapter {

    static final String WEIGHTS_FILE = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";

    private final LoraConfig config;
    private final Map<String, LoraLinear> modules = new LinkedHashMap<>();
    private final List<Parameter> parameters = new ArrayList<>();

    private Adapter(LoraConfig config) {
        this.config = config;
    }

    /// Attaches a fresh adapter: A ~ U(±1/√in) (He et al. 2015 with a = √5), B = 0, so that the model's output does not
    /// change at first.
    ///
    /// @throws IllegalArgumentException if no module matches the targets
    public static Adapter create(Decoder decoder, LoraConfig config, long seed) {
        Adapter adapter = attach(decoder, config);
        int index = 0;
        for (LoraLinear module : adapter.modules.values()) {
            fillUniform(module.a().value(), Philox.mix(seed, index++));
        }
        return adapter;
    }

    /// Attaches an adapter from a PEFT directory.
    ///
    /// @throws AdapterException if its tensors do not fit its configuration or the model; every one at fault is named
    public static Adapter load(Decoder decoder, Path directory) throws IOException {
        LoraConfig config = LoraConfig.load(directory);
        Path file = directory.resolve(WEIGHTS_FILE);
        if (!Files.exists(file)) {
            throw new NoSuchFileException(file.toString(), null, "an adapter directory holds an " + WEIGHTS_FILE);
        }
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            Adapter adapter;
            try {
                adapter = attach(decoder, config);
            } catch (IllegalArgumentException e) {
                throw new AdapterException(directory.resolve(LoraConfig.FILE), String.valueOf(e.getMessage()));
            }
            try {
                adapter.fill(weights, decoder.backend());
            } catch (IOException | RuntimeException e) {
                adapter.detach(decoder);
                throw e;
            }
            return adapter;
        }
    }

    private void fill(SafetensorsFile weights, Backend backend) throws IOException {
        TreeSet<String> surplus = new TreeSet<>(weights.names());
        List<String> faults = new ArrayList<>();
        for (Parameter parameter : parameters) {
            Tensor target = parameter.value();
            if (!surplus.remove(parameter.name())) {
                faults.add("missing " + parameter.name());
                continue;
            }
            Tensor tensor = weights.tensor(parameter.name());
            if (tensor.rows() != target.rows() || tensor.columns() != target.columns()) {
                faults.add(parameter.name() + " has shape "
                        + weights.info(parameter.name()).shapeText() + ", expected [" + target.rows() + ", "
                        + target.columns() + "]");
                continue;
            }
            backend.copy(tensor, target);
        }
        surplus.forEach(name -> faults.add("unexpected " + name));
        if (!faults.isEmpty()) {
            throw new AdapterException(weights.path(), "does not fit the model: " + String.join("; ", faults));
        }
    }

    private static Adapter attach(Decoder decoder, LoraConfig config) {
        Backend backend = decoder.backend();
        Adapter adapter = new Adapter(config);
        for (Linear linear : decoder.linears()) {
            if (config.targets().matches(linear.name())) {
                int rank = config.rankOf(linear.name());
                Parameter a = parameter(backend, linear.name() + ".lora_A.weight", rank, linear.inputSize());
                Parameter b = parameter(backend, linear.name() + ".lora_B.weight", linear.outputSize(), rank);
                LoraLinear module = new LoraLinear(
                        a, b, config.scalingOf(linear.name()), config.dropout(), adapter.modules.size());
                adapter.modules.put(linear.name(), module);
                adapter.parameters.add(a);
                adapter.parameters.add(b);
                linear.adapt(module);
            }
        }
        if (adapter.modules.isEmpty()) {
            throw new IllegalArgumentException("target_modules matches no module of the model; its modules are "
                    + LoraConfig.ALL_MODULES);
        }
        if (!config.modulesToSave().isEmpty()) {
            for (Parameter parameter : decoder.trainHead()) {
                adapter.parameters.add(new Parameter(
                        PREFIX + parameter.name(), parameter.value(), parameter.gradient(), parameter.vector()));
            }
        }
        return adapter;
    }

    private static Parameter parameter(Backend backend, String name, int rows, int columns) {
        return new Parameter(
                PREFIX + name,
                backend.allocate(DType.F32, rows, columns),
                backend.allocate(DType.F32, rows, columns),
                false);
    }

    private static void fillUniform(Tensor tensor, long key) {
        float bound = (float) (1 / Math.sqrt(tensor.columns()));
        float[] values = new float[Math.toIntExact(tensor.size())];
        int[] words = new int[4];
        for (int i = 0; i < values.length; i++) {
            if ((i & 3) == 0) {
                Philox.block(key, i >>> 2, words);
            }
            values[i] = bound * (2 * Philox.uniform(words[i & 3]) - 1);
        }
        tensor.copyFrom(values);
    }

    /// Takes the adapter off the decoder, which then answers as the base model does.
    public void detach(Decoder decoder) {
        for (Linear linear : decoder.linears()) {
            if (modules.containsKey(linear.name())) {
                linear.adapt(null);
            }
        }
    }

    /// Puts the adapter back on the decoder.
    public void reattach(Decoder decoder) {
        for (Linear linear : decoder.linears()) {
            LoraLinear module = modules.get(linear.name());
            if (module != null) {
                linear.adapt(module);
            }
        }
    }

    /// The settings.
    public LoraConfig config() {
        return config;
    }

    /// What is trained, with the names that PEFT gives the tensors on disk.
    public List<Parameter> parameters() {
        return List.copyOf(parameters);
    }

    /// The number of trained weights.
    public long size() {
        return parameters.stream().mapToLong(p -> p.value().size()).sum();
    }

    /// `W + s·B·A` in single precision for a module's frozen weights; `W` itself if the module is not adapted.
    ///
    /// @param module the module's name, for example `model.layers.0.self_attn.q_proj`
    /// @param merged out × in, F32, overwritten
    void merge(Backend backend, String module, Tensor weight, Tensor merged) {
        backend.copy(weight, merged);
        LoraLinear lora = modules.get(module);
        if (lora != null) {
            backend.matmul(lora.b().value(), false, lora.a().value(), false, lora.scaling(), 1, merged);
        }
    }

    boolean adapts(String module) {
        return modules.containsKey(module);
    }

    /// Writes `adapter_model.safetensors` and `adapter_config.json`; each file is whole or absent.
    public void save(Path directory) throws IOException {
        Files.createDirectories(directory);
        SafetensorsWriter.write(
                directory.resolve(WEIGHTS_FILE),
                Map.of("format", "pt"),
                parameters.stream()
                        .map(p -> SafetensorsWriter.Entry.matrix(p.name(), p.value()))
                        .toList());
        DurableFiles.write(directory.resolve(LoraConfig.FILE), config.toJson());
    }
}
