package dev.fenlei.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.engine.testing.TinyModel;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class QuantizedModelTest {

    private static final int[] IDS = {3, 17, 5, 5, 22, 0, 9, 8, 1, 14};

    private final Backend backend = new CpuBackend(2);

    @TempDir
    Path folder;

    @AfterEach
    void close() {
        backend.close();
    }

    private Path model(boolean tied) throws IOException {
        return TinyModel.write(Files.createDirectories(folder.resolve("model")), tied);
    }

    private float[] logits(Decoder decoder) {
        try (Workspace workspace = backend.newWorkspace()) {
            Pass pass = Pass.inference(backend, workspace);
            Tensor hidden = decoder.forward(pass, Batch.sequence(0, IDS), null);
            return decoder.logits(pass, hidden, 4, 9).toArray();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatIsWrittenIsWhatLoadingQuantises(boolean tied) throws IOException {
        Path model = model(tied);
        Path out = folder.resolve("out");
        List<Long> progress = new ArrayList<>();
        QuantizedModel.Report report = QuantizedModel.write(model, out, backend, progress::add);

        assertThat(report.tensors()).isEqualTo(tied ? 14 : 15);
        assertThat(report.bytes()).isLessThan(report.bytesBefore());
        assertThat(report.bytesBefore()).isEqualTo(QuantizedModel.bytes(model));
        assertThat(progress.stream().mapToLong(Long::longValue).sum()).isEqualTo(report.bytesBefore());
        assertThat(report.relativeError()).isBetween(1e-4, 0.01);
        try (Decoder exact = Decoder.load(model, backend);
                Decoder loaded = Decoder.load(model, backend, Quantization.INT8);
                Decoder written = Decoder.load(out, backend);
                Decoder twice = Decoder.load(out, backend, Quantization.INT8)) {
            assertThat(exact.isQuantised()).isFalse();
            assertThat(loaded.isQuantised()).isTrue();
            assertThat(written.isQuantised()).isTrue();
            assertThat(written.matrixBytes()).isLessThan(exact.matrixBytes());
            assertThat(written.embedding().weight().dtype()).isEqualTo(DType.F32);
            assertThat(written.head().weight().dtype()).isEqualTo(tied ? DType.F32 : DType.I8);
            float[] logits = logits(written);
            assertThat(logits(loaded)).isEqualTo(logits);
            assertThat(logits(twice)).isEqualTo(logits);
            float[] expected = logits(exact);
            double error = 0;
            double size = 0;
            for (int i = 0; i < logits.length; i++) {
                error += Math.pow(logits[i] - expected[i], 2);
                size += Math.pow(expected[i], 2);
            }
            assertThat(Math.sqrt(error / size)).isBetween(1e-5, 0.03);
        }
    }

    /// As the compressed-tensors format says it.
    @Test
    void theConfigurationDescribesTheWeights() throws IOException {
        Path out = folder.resolve("out");
        QuantizedModel.write(model(true), out, backend, _ -> {});
        JsonNode config = JsonMapper.shared().readTree(Files.readString(out.resolve("config.json")));
        JsonNode quantization = config.path("quantization_config");
        assertThat(quantization.path("quant_method").asString()).isEqualTo("compressed-tensors");
        assertThat(quantization.path("format").asString()).isEqualTo("int-quantized");
        assertThat(quantization.path("ignore").path(0).asString()).isEqualTo("lm_head");
        assertThat(quantization.path("config_groups").path("group_0").path("weights").path("num_bits").asInt())
                .isEqualTo(8);
        try (Weights weights = Weights.open(out)) {
            String name = "model.layers.1.mlp.down_proj.weight";
            assertThat(weights.info(name).dtype()).isEqualTo("I8");
            assertThat(weights.info(name + "_scale").shape()).containsExactly(TinyModel.HIDDEN, 1);
        }
    }

    @Test
    void aQuantisedModelIsNotQuantisedAgain() throws IOException {
        Path out = folder.resolve("out");
        QuantizedModel.write(model(true), out, backend, _ -> {});
        Path again = folder.resolve("again");
        assertThatThrownBy(() -> QuantizedModel.write(out, again, backend, _ -> {}))
                .isInstanceOf(ModelException.class)
                .hasMessageContaining("is quantised already");
        assertThat(again).doesNotExist();
    }

    @Test
    void infiniteWeightsAreNamed() throws IOException {
        Path model = model(true);
        String broken = "model.layers.1.mlp.up_proj.weight";
        rewrite(model, broken);
        for (boolean onDisk : new boolean[] {true, false}) {
            assertThatThrownBy(() -> {
                if (onDisk) {
                    QuantizedModel.write(model, folder.resolve("out"), backend, _ -> {});
                } else {
                    Decoder.load(model, backend, Quantization.INT8).close();
                }
            })
                    .isInstanceOf(ModelException.class)
                    .hasMessageContaining(model.resolve("model.safetensors").toString())
                    .hasMessageContaining("tensor '" + broken + "' holds an infinite value or NaN in row 3");
        }
        assertThat(folder.resolve("out").resolve("model.safetensors")).doesNotExist();
    }

    private static void rewrite(Path model, String broken) throws IOException {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        try (Weights weights = Weights.open(model);
                Arena arena = Arena.ofConfined()) {
            for (String name : weights.names()) {
                Tensor tensor = weights.tensor(name);
                if (name.equals(broken)) {
                    float[] values = tensor.toArray();
                    values[3 * tensor.columns() + 1] = Float.POSITIVE_INFINITY;
                    tensor = Tensor.of(
                            arena.allocate(tensor.byteSize(), 64), DType.F32, tensor.rows(), tensor.columns());
                    tensor.copyFrom(values);
                }
                Tensor written = tensor;
                entries.add(new SafetensorsWriter.Entry(
                        name, DType.F32, weights.info(name).shape(), () -> written));
            }
            SafetensorsWriter.write(model.resolve("model.safetensors"), Map.of(), entries);
        }
    }
}
