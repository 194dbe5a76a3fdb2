package dev.fenlei.lora.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.Bias;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.adapter.Merger;
import dev.fenlei.lora.train.PackedBatch;
import dev.fenlei.lora.train.Schedule;
import dev.fenlei.lora.train.Trainer;
import dev.fenlei.lora.train.TrainingExample;
import dev.fenlei.lora.train.TrainingSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/// Losses, gradients, training courses, results and merged weights against PEFT and the Trainer of transformers.
class GoldenLoraTest {

    static Stream<String> runs() throws IOException {
        return Golden.folders("lora").stream();
    }

    private static String model(Golden golden) {
        return golden.manifest().path("what").asString().replaceFirst(".*models/([^:]+):.*", "$1");
    }

    /// A run that differs from another only in training shares that one's start.
    private static Golden start(Golden golden) throws IOException {
        String same = golden.manifest().path("facts").path("same_start_as").asString("");
        return Golden.open(same.isEmpty() ? "lora/" + golden.folder().getFileName() : same.replaceFirst(":.*", ""));
    }

    /// Runs with an adapter; the others train all weights.
    static Stream<String> adapterRuns() throws IOException {
        return runs().filter(run -> Files.exists(Golden.root().resolve("lora").resolve(run).resolve("adapter_init")));
    }

    @ParameterizedTest
    @MethodSource("runs")
    void firstWindowAndWholeTrainingAreThoseOfTheReference(String run) throws IOException {
        try (Golden golden = Golden.open("lora/" + run);
                Golden start = start(golden);
                Backend backend = new CpuBackend(2);
                Decoder decoder = Decoder.load(Golden.root().resolve("models").resolve(model(golden)), backend)) {
            Path initial = golden.folder().resolve("adapter_init");
            boolean full = !Files.exists(initial);
            List<Parameter> parameters = full ? decoder.trainAll() : Adapter.load(decoder, initial).parameters();
            if (start.has("window.loss")) {
                checkLogits(start, decoder, "logits.initial.s");
                checkWindow(start, decoder, parameters);
            }
            train(golden, start, decoder, parameters);
            checkLogits(golden, decoder, "logits.final.s");
            checkFinal(golden, parameters, full);
        }
    }

    private static void checkLogits(Golden golden, Decoder decoder, String prefix) throws IOException {
        try (Golden model = Golden.open("models/" + model(golden));
                Workspace workspace = decoder.backend().newWorkspace()) {
            for (int s = 0; s < 8; s++) {
                if (golden.has(prefix + s)) {
                    workspace.reset();
                    Pass pass = Pass.inference(decoder.backend(), workspace);
                    int[] ids = model.ids("input_ids.s" + s);
                    Tensor hidden = decoder.forward(pass, Batch.sequence(0, ids), null);
                    golden.check(
                            prefix + s,
                            decoder.logits(pass, hidden, IntStream.range(0, ids.length).toArray())
                                    .toArray());
                }
            }
        }
    }

    private static void checkWindow(Golden golden, Decoder decoder, List<Parameter> parameters) throws IOException {
        List<TrainingExample> examples = examples(golden)
                .subList(0, golden.manifest().path("facts").path("window").path("examples").asInt());
        int labels = examples.stream().mapToInt(TrainingExample::labelTokens).sum();
        int batchSize = golden.manifest().path("facts").path("trainer").path("micro_batch").asInt();
        for (boolean checkpointing : new boolean[] {false, true}) {
            parameters.forEach(p -> decoder.backend().fill(p.gradient(), 0));
            double sum = 0;
            try (Workspace workspace = decoder.backend().newWorkspace()) {
                for (int from = 0; from < examples.size(); from += batchSize) {
                    workspace.reset();
                    Pass pass = new Pass(decoder.backend(), workspace, true, 1);
                    PackedBatch batch = PackedBatch.of(
                            examples.subList(from, Math.min(examples.size(), from + batchSize)));
                    Decoder.Activations activations = decoder.forwardForTraining(pass, batch.batch(), checkpointing);
                    Decoder.Loss loss = decoder.loss(pass, activations, batch.targets(),
                            1f / labels);
                    decoder.backward(pass, activations, loss.gradient());
                    sum += loss.sum();
                }
            }
            golden.check("window.loss", (float) (sum / labels));
            for (Parameter parameter : parameters) {
                String name = nameIn(golden.expected(), "window.grad.", parameter);
                golden.check(name, asOnDisk(golden.expected(), name, parameter.gradient()));
            }
            parameters.forEach(p -> decoder.backend().fill(p.gradient(), 0));
        }
    }

    private static void train(Golden golden, Golden start, Decoder decoder, List<Parameter> parameters)
            throws IOException {
        JsonNode trainer = golden.manifest().path("facts").path("trainer");
        JsonNode steps = golden.manifest().path("facts").path("steps");
        TrainingSettings settings = new TrainingSettings(
                trainer.path("epochs").asInt(),
                trainer.path("micro_batch").asInt(),
                trainer.path("accumulation").asInt(),
                trainer.path("learning_rate").asDouble(),
                Schedule.valueOf(trainer.path("scheduler").asString().toUpperCase(java.util.Locale.ROOT)),
                trainer.path("warmup_steps").asInt(),
                trainer.path("weight_decay").asDouble(),
                trainer.path("betas").path(0).asDouble(),
                trainer.path("betas").path(1).asDouble(),
                trainer.path("eps").asDouble(),
                trainer.path("max_grad_norm").asDouble(),
                1,
                false,
                false,
                0,
                null);
        JsonNode groups = trainer.path("parameter_groups_(weight_decay,tensors)");
        assertThat(parameters.stream().filter(p -> !p.vector()).count())
                .as("tensors with weight decay")
                .isEqualTo(groups.path(0).path(1).asLong());
        List<Trainer.Step> log = new ArrayList<>();
        List<TrainingExample> examples = examples(golden.has("data.input_ids") ? golden : start);
        new Trainer(decoder, parameters, settings).train(examples, log::add);
        assertThat(log).hasSize(trainer.path("optimizer_steps").asInt());
        float[] losses = new float[log.size()];
        float[] norms = new float[log.size()];
        for (int i = 0; i < losses.length; i++) {
            losses[i] = (float) log.get(i).loss();
            norms[i] = (float) log.get(i).gradientNorm();
            assertThat(log.get(i).learningRate())
                    .isCloseTo(steps.path(i).path("lr").asDouble(), within(1e-15));
        }
        golden.check("train.loss", losses);
        golden.check("train.grad_norm", norms);
    }

    private static List<TrainingExample> examples(Golden golden) throws IOException {
        int[] ids = golden.ids("data.input_ids");
        int[] labels = golden.ids("data.labels");
        int[] lengths = golden.ids("data.lengths");
        int width = ids.length / lengths.length;
        List<TrainingExample> examples = new ArrayList<>();
        for (int i = 0; i < lengths.length; i++) {
            int[] row = Arrays.copyOfRange(ids, i * width, i * width + lengths[i]);
            int start = 0;
            while (labels[i * width + start] == -100) {
                start++;
            }
            examples.add(new TrainingExample(row, start));
        }
        return examples;
    }

    private static void checkFinal(Golden golden, List<Parameter> parameters, boolean full) throws IOException {
        Path file = full
                ? golden.folder().resolve("model_final/model.safetensors")
                : golden.folder().resolve("adapter_final/adapter_model.safetensors");
        try (SafetensorsFile expected = SafetensorsFile.open(file)) {
            TreeSet<String> unseen = new TreeSet<>(expected.names());
            for (Parameter parameter : parameters) {
                String name = nameIn(expected, "", parameter);
                if (unseen.remove(name)) {
                    golden.check(
                            name, "final", expected.tensor(name).toArray(),
                            asOnDisk(expected, name, parameter.value()));
                } else {
                    // PEFT trains the biases of bias = lora_only but does not write them.
                    assertThat(name).endsWith(".bias");
                }
            }
            unseen.removeIf(GoldenLoraTest::isCopyOfBase);
            assertThat(unseen).as("tensors of the reference that are not trained here").isEmpty();
        }
    }

    /// The name of a parameter in a file, where a bias may lack the level of PEFT's wrapper.
    private static String nameIn(SafetensorsFile file, String prefix, Parameter parameter) {
        String name = prefix + parameter.name();
        String plain = name.replace(".base_layer.", ".");
        return file.names().contains(plain) ? plain : name;
    }

    /// The elements of a tensor in the order of the file; an embedding's A lies turned in memory.
    private static float[] asOnDisk(SafetensorsFile file, String name, Tensor value) throws IOException {
        Tensor other = file.tensor(name);
        if (!name.endsWith(".lora_embedding_A") || other.rows() == value.rows()) {
            return value.toArray();
        }
        float[] turned = new float[Math.toIntExact(value.size())];
        for (int i = 0; i < turned.length; i++) {
            turned[i] = value.get(i % value.rows(), i / value.rows());
        }
        return turned;
    }

    /// PEFT writes an adapted embedding's own weights beside its adapter.
    private static boolean isCopyOfBase(String name) {
        return name.endsWith(".base_layer.weight");
    }

    @ParameterizedTest
    @MethodSource("adapterRuns")
    void adaptersAreWrittenAsTheyAreReadAndMergeExactly(String run, @TempDir Path out) throws IOException {
        Path folder = Golden.root().resolve("lora").resolve(run);
        Path initial = folder.resolve("adapter_init");
        try (Golden golden = Golden.open("lora/" + run);
                Backend backend = new CpuBackend(2);
                Decoder decoder = Decoder.load(Golden.root().resolve("models").resolve(model(golden)), backend)) {
            Adapter adapter = Adapter.load(decoder, initial);
            adapter.save(out.resolve("again"));
            try (SafetensorsFile first = SafetensorsFile.open(initial.resolve("adapter_model.safetensors"));
                    SafetensorsFile second = SafetensorsFile.open(out.resolve("again/adapter_model.safetensors"))) {
                TreeSet<String> names = new TreeSet<>(first.names());
                names.removeIf(GoldenLoraTest::isCopyOfBase);
                assertThat(second.names()).containsAll(names);
                if (adapter.config().bias() != Bias.LORA_ONLY) {
                    assertThat(second.names()).hasSameSizeAs(names);
                }
                for (String name : names) {
                    assertThat(second.bytes(name).mismatch(first.bytes(name))).as(name).isEqualTo(-1);
                }
            }
            Path base = Golden.root().resolve("models").resolve(model(golden));
            Merger.merge(decoder, adapter, base, out.resolve("merged"), DType.F32);
            try (Weights merged = Weights.open(out.resolve("merged"))) {
                for (String name : golden.expected().names()) {
                    if (name.startsWith("merged.")) {
                        golden.check(name, merged.tensor(name.substring("merged.".length())).toArray());
                    }
                }
            }
        }
    }

    /// Adapters of PEFT 0.11 name fewer settings.
    @ParameterizedTest
    @MethodSource("adapterRuns")
    void shortConfigurationsLoad(String run, @TempDir Path copy) throws IOException {
        Path initial = Golden.root().resolve("lora").resolve(run).resolve("adapter_init");
        Assumptions.assumeTrue(
                LoraConfig.load(initial).targets().excluded().isEmpty(), "PEFT 0.11 did not know exclude_modules");
        Files.copy(initial.resolve("adapter_model.safetensors"), copy.resolve("adapter_model.safetensors"));
        Files.copy(initial.resolve("adapter_config_v011.json"), copy.resolve("adapter_config.json"));
        try (Golden golden = Golden.open("lora/" + run);
                Backend backend = new CpuBackend(1);
                Decoder decoder = Decoder.load(Golden.root().resolve("models").resolve(model(golden)), backend)) {
            Adapter adapter = Adapter.load(decoder, copy);
            assertThat(adapter.parameters()).isNotEmpty();
            assertThat(adapter.config()).isEqualTo(LoraConfig.load(initial));
        }
    }
}
