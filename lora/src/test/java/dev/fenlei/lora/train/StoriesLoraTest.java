package dev.fenlei.lora.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.testing.Shared;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Ten steps on one example with a real, trained model, against a run of PyTorch.
class StoriesLoraTest {

    @Test
    void tenStepsAreThoseOfTheReference(@TempDir Path directory) throws IOException {
        Path folder = Shared.path("models/stories260K");
        JsonNode golden = JsonMapper.shared().readTree(Files.readString(folder.resolve("lora/golden-lora.json")));
        int[] ids = golden.path("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
        List<TrainingExample> examples = List.of(new TrainingExample(ids, golden.path("loss_starts_at").asInt()));
        Files.copy(folder.resolve("lora/adapter_config.json"), directory.resolve("adapter_config.json"));
        Files.copy(
                folder.resolve("lora/init.adapter_model.safetensors"), directory.resolve("adapter_model.safetensors"));
        try (Backend backend = new CpuBackend(1);
                Decoder decoder = Decoder.load(folder.resolve("hf-qwen2"), backend)) {
            Adapter adapter = Adapter.load(decoder, directory);
            checkGradients(folder.resolve("lora/step0.grads.safetensors"), decoder, adapter, examples);
            List<Trainer.Step> steps = new ArrayList<>();
            TrainingSettings settings = new TrainingSettings(
                    10, 1, 1, 1e-2, Schedule.CONSTANT, 0, 0.01, 0.9, 0.999, 1e-8, 1, 1, false, false, 0, null);
            new Trainer(decoder, adapter.parameters(), settings).train(examples, steps::add);
            JsonNode history = golden.path("history");
            assertThat(steps).hasSize(history.size());
            for (int i = 0; i < steps.size(); i++) {
                double loss = history.path(i).path("loss").asDouble();
                double norm = history.path(i).path("grad_norm").asDouble();
                assertThat(steps.get(i).loss()).as("loss of step %d", i + 1).isCloseTo(loss, within(1e-4 * loss));
                assertThat(steps.get(i).gradientNorm())
                        .as("gradient norm of step %d", i + 1)
                        .isCloseTo(norm, within(1e-3 * norm));
            }
            check(folder.resolve("lora/step10.adapter_model.safetensors"), adapter, Parameter::value, 1e-3);
        }
    }

    private static void checkGradients(Path file, Decoder decoder, Adapter adapter, List<TrainingExample> examples)
            throws IOException {
        PackedBatch batch = PackedBatch.of(examples);
        try (Workspace workspace = decoder.backend().newWorkspace()) {
            Pass pass = new Pass(decoder.backend(), workspace, true, 0);
            Decoder.Activations activations = decoder.forwardForTraining(pass, batch.batch(), false);
            float scale = 1f / batch.targets().length;
            Decoder.Loss loss = decoder.loss(pass, activations, batch.targets(), scale);
            decoder.backward(pass, activations, loss.gradient());
        }
        check(file, adapter, Parameter::gradient, 1e-4);
        adapter.parameters().forEach(p -> decoder.backend().fill(p.gradient(), 0));
    }

    private static void check(Path file, Adapter adapter, Function<Parameter, Tensor> actual, double tolerance)
            throws IOException {
        try (SafetensorsFile expected = SafetensorsFile.open(file)) {
            assertThat(expected.names()).hasSameSizeAs(adapter.parameters());
            for (Parameter parameter : adapter.parameters()) {
                float[] b = expected.tensor(parameter.name()).toArray();
                assertThat(distance(actual.apply(parameter).toArray(), b))
                        .as(parameter.name())
                        .isLessThanOrEqualTo(tolerance * Math.sqrt(squares(b)));
            }
        }
    }

    /// ‖a − b‖
    private static double distance(float[] a, float[] b) {
        assertThat(a).hasSameSizeAs(b);
        float[] difference = new float[a.length];
        for (int i = 0; i < a.length; i++) {
            difference[i] = a[i] - b[i];
        }
        return Math.sqrt(squares(difference));
    }

    private static double squares(float[] values) {
        double sum = 0;
        for (float value : values) {
            sum += (double) value * value;
        }
        return sum;
    }
}
