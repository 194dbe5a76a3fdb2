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
import java.util.stream.IntStream;
import java.util.stream.Stream;
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
        for (boolean checkpointing : new boolean[] {false, true}) {
            parameters.forEach(p -> decoder.backend().fill(p.gradient(), 0));
            double sum = 0;
            try (Workspace workspace = decoder.backend().newWorkspace()) {
                for (int from = 0; from < examples.size(); from += 4) {
                    workspace.reset();
                    Pass pass = new Pass(decoder.backend(), workspace, true, 1);
                    PackedBatch batch = PackedBatch.of(examples.subList(from, Math.min(examples.size(), from + 4)));
                    Decoder.Activations activations = decoder.forwardForTraining(pass, batch.batch(), checkpointing);
                    Decoder.Loss loss = decoder.loss(pass, activations, batch.targets(),
                            1f / labels);
                    decoder.backward(pass, activations, loss.gradient());
                    sum += loss.sum();
                }
            }
            golden.check("window.loss", (float) (sum / labels));
            int compared = 0;
            for (Parameter parameter : parameters) {
                String name = "window.grad." + parameter.name();
                if (golden.has(name)) {
                    golden.check(name, parameter.gradient().toArray());
                    compared++;
                }
            }
            assertThat(compared).isEqualTo(parameters.size());
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
                0.9,
                0.999,
                1e-8,
                trainer.path("max_grad_norm").asDouble(),
                1,
                false,
                false,
                0);
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
            assertThat(parameters).hasSize(expected.names().size());
            for (Parameter parameter : parameters) {
                golden.check(
                        parameter.name(),
                        "final",
                        expected.tensor(parameter.name()).toArray(),
                        parameter.value().toArray());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("runs")
    void adaptersAreWrittenAsTheyAreReadAndMergeExactly(String run, @TempDir Path out) throws IOException {
        Path folder = Golden.root().resolve("lora").resolve(run);
        Path initial = folder.resolve("adapter_init");
        if (!Files.exists(initial)) {
            return;
        }
        try (Golden golden = Golden.open("lora/" + run);
                Backend backend = new CpuBackend(2);
                Decoder decoder = Decoder.load(Golden.root().resolve("models").resolve(model(golden)), backend)) {
            Adapter adapter = Adapter.load(decoder, initial);
            adapter.save(out.resolve("again"));
            try (SafetensorsFile first = SafetensorsFile.open(initial.resolve("adapter_model.safetensors"));
                    SafetensorsFile second = SafetensorsFile.open(out.resolve("again/adapter_model.safetensors"))) {
                assertThat(second.names()).isEqualTo(first.names());
                for (String name : first.names()) {
                    assertThat(second.bytes(name).mismatch(first.bytes(name))).as(name).isEqualTo(-1);
                }
            }
            Path base = Golden.root().resolve("models").resolve(model(golden));
            Merger.merge(decoder, adapter, base, out.resolve("merged"), DType.F32);
            try (Weights merged = Weights.open(out.resolve("merged"))) {
                for (String name : merged.names()) {
                    if (golden.has("merged." + name)) {
                        golden.check("merged." + name, merged.tensor(name).toArray());
                    }
                }
            }
        }
    }

    /// Adapters of PEFT 0.11 name fewer settings.
    @ParameterizedTest
    @MethodSource("runs")
    void shortConfigurationsLoad(String run, @TempDir Path copy) throws IOException {
        Path initial = Golden.root().resolve("lora").resolve(run).resolve("adapter_init");
        if (!Files.exists(initial)) {
            return;
        }
        Files.copy(initial.resolve("adapter_model.safetensors"), copy.resolve("adapter_model.safetensors"));
        Files.copy(initial.resolve("adapter_config_v011.json"), copy.resolve("adapter_config.json"));
        try (Golden golden = Golden.open("lora/" + run);
                Backend backend = new CpuBackend(1);
                Decoder decoder = Decoder.load(Golden.root().resolve("models").resolve(model(golden)), backend)) {
            Adapter adapter = Adapter.load(decoder, copy);
            assertThat(adapter.parameters()).isNotEmpty();
        }
    }
}
