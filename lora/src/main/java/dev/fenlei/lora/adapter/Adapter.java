package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Embedding;
import dev.fenlei.engine.model.Linear;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// A LoRA adapter attached to a decoder, in the form in which PEFT keeps it on disk.
public final class Adapter {

    static final String WEIGHTS_FILE = "adapter_model.safetensors";
    private static final String PREFIX = "base_model.model.";

    private final LoraConfig config;
    private final Map<String, LoraLinear> modules = new LinkedHashMap<>();
    private @Nullable LoraEmbedding embedding;
    private final List<Parameter> parameters = new ArrayList<>();

    private Adapter(LoraConfig config) {
        this.config = config;
    }

    /// Attaches a fresh adapter: A ~ U(±1/√in) (He et al. 2015 with a = √5), B = 0, so that the model's output does not
    /// change at first. For an embedding A = 0 and B is normal with the deviation of the embedding itself (PEFT takes 1), so
    /// that a step moves a token by the same share of its length whatever the scale of the model.
    ///
    /// @throws IllegalArgumentException if no module matches the targets
    public static Adapter create(Decoder decoder, LoraConfig config, long seed) {
        Adapter adapter = attach(decoder, config);
        int index = 0;
        for (LoraLinear module : adapter.modules.values()) {
            fillUniform(module.a().value(), Philox.mix(seed, index++));
        }
        if (adapter.embedding != null) {
            Tensor b = adapter.embedding.b().value();
            float[] values = new float[Math.toIntExact(b.size())];
            Philox.normal(Philox.mix(seed, index), deviation(decoder), values);
            b.copyFrom(values);
        }
        return adapter;
    }

    /// The root of the mean square of the embedding, estimated from its first rows.
    private static double deviation(Decoder decoder) {
        Tensor table = decoder.embedding().weight();
        Backend backend = decoder.backend();
        try (Workspace workspace = backend.newWorkspace()) {
            Tensor rows = workspace.take(Math.min(4096, table.rows()), table.columns());
            backend.copy(table.rows(0, rows.rows()), rows);
            return Math.sqrt(backend.sumOfSquares(rows) / rows.size());
        }
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
                adapter.fill(weights, decoder);
            } catch (IOException | RuntimeException e) {
                adapter.detach(decoder);
                throw e;
            }
            return adapter;
        }
    }

    private void fill(SafetensorsFile weights, Decoder decoder) throws IOException {
        Backend backend = decoder.backend();
        TreeSet<String> surplus = new TreeSet<>(weights.names());
        List<String> faults = new ArrayList<>();
        for (Parameter parameter : parameters) {
            Tensor target = parameter.value();
            boolean turned = isTurned(parameter);
            int rows = turned ? target.columns() : target.rows();
            int columns = turned ? target.rows() : target.columns();
            if (!surplus.remove(parameter.name())) {
                faults.add("missing " + parameter.name());
                continue;
            }
            Tensor tensor = weights.tensor(parameter.name());
            if (tensor.rows() != rows || tensor.columns() != columns) {
                faults.add(parameter.name() + " has shape "
                        + weights.info(parameter.name()).shapeText() + ", expected [" + rows + ", " + columns + "]");
            } else if (turned) {
                transpose(tensor, target);
            } else {
                backend.copy(tensor, target);
            }
        }
        if (embedding != null) {
            checkBase(weights, surplus, faults, decoder.embedding());
        }
        surplus.forEach(name -> faults.add("unexpected " + name));
        if (!faults.isEmpty()) {
            throw new AdapterException(weights.path(), "does not fit the model: " + String.join("; ", faults));
        }
    }

    /// PEFT keeps a copy of an adapted embedding beside the adapter, in case tokens were added. One that differs from the
    /// model's own could not be honoured.
    private static void checkBase(
            SafetensorsFile weights, Set<String> surplus, List<String> faults, Embedding embedding) throws IOException {
        String name = PREFIX + embedding.name() + ".base_layer.weight";
        if (!surplus.remove(name)) {
            return;
        }
        Tensor theirs = weights.tensor(name);
        Tensor ours = embedding.weight();
        boolean same = theirs.rows() == ours.rows() && theirs.columns() == ours.columns();
        for (int row = 0; same && row < ours.rows(); row++) {
            for (int column = 0; same && column < ours.columns(); column++) {
                same = theirs.get(row, column) == ours.get(row, column);
            }
        }
        if (!same) {
            faults.add(name + " differs from the model's embedding");
        }
    }

    /// Whether a parameter lies transposed in memory.
    private boolean isTurned(Parameter parameter) {
        return embedding != null && parameter == embedding.a();
    }

    private static void transpose(Tensor from, Tensor to) {
        for (int row = 0; row < to.rows(); row++) {
            for (int column = 0; column < to.columns(); column++) {
                to.set(row, column, from.get(column, row));
            }
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
        Embedding table = decoder.embedding();
        if (config.targets().matchesEmbedding(table.name())) {
            int rank = config.rankOf(table.name());
            // PEFT names these two without ".weight".
            LoraEmbedding module = new LoraEmbedding(
                    parameter(backend, table.name() + ".lora_embedding_A", table.weight().rows(), rank),
                    parameter(backend, table.name() + ".lora_embedding_B", table.weight().columns(), rank),
                    (float) config.scalingOf(table.name()));
            adapter.embedding = module;
            adapter.parameters.add(module.a());
            adapter.parameters.add(module.b());
            table.adapt(module);
        }
        if (adapter.modules.isEmpty() && adapter.embedding == null) {
            throw new IllegalArgumentException("target_modules matches no module of the model; its modules are "
                    + LoraConfig.ALL_MODULES + " and " + LoraConfig.EMBEDDING);
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
        if (embedding != null) {
            decoder.embedding().adapt(null);
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
        if (embedding != null) {
            decoder.embedding().adapt(embedding);
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
    /// @param merged of the shape of `weight`, F32, overwritten
    void merge(Backend backend, String module, Tensor weight, Tensor merged) {
        backend.copy(weight, merged);
        LoraLinear lora = modules.get(module);
        if (lora != null) {
            backend.matmul(lora.b().value(), false, lora.a().value(), false, lora.scaling(), 1, merged);
        } else if (embedding != null && adapts(module)) {
            embedding.addTo(backend, merged);
        }
    }

    boolean adapts(String module) {
        return modules.containsKey(module) || adaptsEmbedding() && module.equals(LoraConfig.EMBEDDING_MODULE);
    }

    /// Whether the embedding is adapted, so that a head tied to it is no longer the same.
    boolean adaptsEmbedding() {
        return embedding != null;
    }

    /// Writes `adapter_model.safetensors` and `adapter_config.json`; each file is whole or absent.
    public void save(Path directory) throws IOException {
        Files.createDirectories(directory);
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        try (Arena arena = Arena.ofConfined()) {
            for (Parameter parameter : parameters) {
                Tensor value = parameter.value();
                if (isTurned(parameter)) {
                    Tensor turned = Tensor.of(
                            arena.allocate(value.size() * Float.BYTES, Float.BYTES), DType.F32, value.columns(),
                            value.rows());
                    transpose(value, turned);
                    value = turned;
                }
                entries.add(SafetensorsWriter.Entry.matrix(parameter.name(), value));
            }
            SafetensorsWriter.write(directory.resolve(WEIGHTS_FILE), Map.of("format", "pt"), entries);
        }
        DurableFiles.write(directory.resolve(LoraConfig.FILE), config.toJson());
    }
}
