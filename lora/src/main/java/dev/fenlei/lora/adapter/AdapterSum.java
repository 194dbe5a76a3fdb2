package dev.fenlei.lora.adapter;

import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// The exact weighted sum of adapters on the same base model as one adapter, by putting their ranks side by side: the rows of
/// every `w·s·A` below one another and the columns of every `B` beside one another (PEFT's `add_weighted_adapter` with
/// `combination_type="cat"`). Needs no base model.
public final class AdapterSum {

    private static final Pattern FACTOR = Pattern.compile(
            Pattern.quote(AdapterTensor.PREFIX) + "(.+)\\.lora_(?:(A|B)\\.weight|embedding_(A|B))");

    /// One adapter's part in one module.
    ///
    /// @param a r × in
    /// @param b out × r
    /// @param factor of `A`: weight times scaling
    private record Term(Tensor a, Tensor b, float factor) {}

    /// Where a module's terms are kept.
    private record Module(String nameOfA, String nameOfB, List<Term> terms) {

        int rank() {
            return terms.stream().mapToInt(term -> term.a().rows()).sum();
        }
    }

    private AdapterSum() {}

    /// Writes the sum as an adapter of its own.
    ///
    /// @param adapters directories in PEFT form
    /// @param weights the factor of each
    /// @param out the directory to write
    /// @return the settings of the sum
    /// @throws AdapterException if an adapter cannot be added, or they do not fit together
    public static LoraConfig write(List<Path> adapters, List<Double> weights, Path out) throws IOException {
        if (adapters.size() != weights.size() || adapters.isEmpty()) {
            throw new IllegalArgumentException(
                    adapters.size() + " adapters need as many weights, not " + weights.size());
        }
        List<LoraConfig> configs = new ArrayList<>();
        Map<String, Module> modules = new TreeMap<>();
        List<SafetensorsFile> files = new ArrayList<>();
        try {
            for (int i = 0; i < adapters.size(); i++) {
                LoraConfig config = LoraConfig.load(adapters.get(i));
                requireAddable(adapters.get(i), config);
                configs.add(config);
                SafetensorsFile file = AdapterFile.open(adapters.get(i));
                files.add(file);
                collect(file, config, weights.get(i), modules);
            }
            LoraConfig sum = config(configs, modules);
            Files.createDirectories(out);
            writeTensors(out, modules);
            DurableFiles.write(out.resolve(LoraConfigFile.NAME), LoraConfigFile.toJson(sum));
            return sum;
        } finally {
            files.forEach(SafetensorsFile::close);
        }
    }

    private static void requireAddable(Path directory, LoraConfig config) throws AdapterException {
        Path file = directory.resolve(LoraConfigFile.NAME);
        if (config.dora()) {
            throw new AdapterException(file, "field 'use_dora' is true; DoRA adapters have no sum");
        }
        if (config.bias() != Bias.NONE) {
            throw new AdapterException(
                    file, "field 'bias' is \"" + config.bias().toJson() + "\"; trained biases have no sum");
        }
        if (!config.modulesToSave().isEmpty()) {
            throw new AdapterException(
                    file,
                    "field 'modules_to_save' is " + config.modulesToSave() + "; modules trained in full have no sum");
        }
    }

    private static void collect(SafetensorsFile file, LoraConfig config, double weight, Map<String, Module> modules)
            throws IOException {
        for (String name : file.names()) {
            Matcher matcher = FACTOR.matcher(name);
            if (!matcher.matches()) {
                if (name.endsWith(".base_layer.weight")) {
                    continue; // PEFT's copy of an embedding of the base model
                }
                throw new AdapterException(file.path(), "unexpected " + name);
            }
            String nameOfB = name.replace(".lora_A.", ".lora_B.").replace(".lora_embedding_A", ".lora_embedding_B");
            if (nameOfB.equals(name)) {
                continue; // comes with its A
            }
            if (!file.names().contains(nameOfB)) {
                throw new AdapterException(file.path(), "missing " + nameOfB);
            }
            String target = matcher.group(1);
            Module module = modules.computeIfAbsent(target, _ -> new Module(name, nameOfB, new ArrayList<>()));
            Term term = new Term(file.tensor(name), file.tensor(nameOfB), (float) (weight * config.scalingOf(target)));
            requireFit(file, name, term, config.rankOf(target), module.terms());
            module.terms().add(term);
        }
    }

    private static void requireFit(SafetensorsFile file, String name, Term term, int rank, List<Term> others)
            throws AdapterException {
        if (term.a().rows() != rank || term.b().columns() != rank) {
            throw new AdapterException(
                    file.path(), name + " has rank " + term.a().rows() + ", the settings say " + rank);
        }
        Term first = others.isEmpty() ? term : others.getFirst();
        if (first.a().columns() != term.a().columns() || first.b().rows() != term.b().rows()) {
            throw new AdapterException(
                    file.path(), name + " is " + term.a() + ", in another adapter " + first.a()
                            + ": they do not belong to the same model");
        }
    }

    /// Settings under which every module's update is `B·A`: alpha is the rank.
    private static LoraConfig config(List<LoraConfig> configs, Map<String, Module> modules) {
        int rank = configs.stream().mapToInt(LoraConfig::rank).sum();
        Map<String, Integer> ranks = new LinkedHashMap<>();
        Map<String, Double> alphas = new LinkedHashMap<>();
        modules.forEach((name, module) -> {
            if (module.rank() != rank) {
                ranks.put(name, module.rank());
                alphas.put(name, (double) module.rank());
            }
        });
        return new LoraConfig(
                configs.getFirst().baseModel(), rank, rank, 0, targets(configs, modules.keySet()), false, false,
                ranks, alphas, Bias.NONE, List.of());
    }

    /// The union of the lists, if all are plain lists; else the modules by their whole names.
    private static TargetModules targets(List<LoraConfig> configs, Set<String> modules) {
        Set<String> union = new LinkedHashSet<>();
        for (LoraConfig config : configs) {
            TargetModules targets = config.targets();
            ModuleNames names = targets.names();
            if (names == null || names.regex() != null || !targets.excluded().isEmpty() || targets.layers() != null) {
                return TargetModules.of(List.copyOf(modules));
            }
            union.addAll(names.names());
        }
        return TargetModules.of(List.copyOf(union));
    }

    private static void writeTensors(Path out, Map<String, Module> modules) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            for (Module module : modules.values()) {
                Term first = module.terms().getFirst();
                Tensor a = allocate(arena, module.rank(), first.a().columns());
                Tensor b = allocate(arena, first.b().rows(), module.rank());
                int from = 0;
                for (Term term : module.terms()) {
                    int to = from + term.a().rows();
                    copy(term.a(), term.factor(), a.rows(from, to));
                    copy(term.b(), 1, b.columns(from, to));
                    from = to;
                }
                entries.add(SafetensorsWriter.Entry.matrix(module.nameOfA(), a));
                entries.add(SafetensorsWriter.Entry.matrix(module.nameOfB(), b));
            }
            AdapterFile.writeEntries(out, entries);
        }
    }

    private static Tensor allocate(Arena arena, int rows, int columns) {
        return Tensor.of(arena.allocate((long) rows * columns * Float.BYTES, 64), DType.F32, rows, columns);
    }

    private static void copy(Tensor from, float factor, Tensor to) {
        for (int row = 0; row < from.rows(); row++) {
            for (int column = 0; column < from.columns(); column++) {
                to.set(row, column, factor * from.get(row, column));
            }
        }
    }
}
