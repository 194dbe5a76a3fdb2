package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// The sum of adapters against the sum of what they do to the weights.
class AdapterSumTest extends AdapterFixture {

    private static final LoraConfig FIRST = LoraConfig.of(2, 6, 0.1, List.of("q_proj", "down_proj", "embed_tokens"));

    static List<LoraConfig> others() {
        return List.of(
                LoraConfig.of(2, 6, 0, List.of("q_proj", "down_proj", "embed_tokens")),
                LoraConfig.of(3, 5, 0, List.of("q_proj", "v_proj", "lm_head")),
                new LoraConfig(
                        "another", 4, 8, 0, TargetModules.of(List.of("all-linear")), true, false,
                        Map.of("q_proj", 1), Map.of("v_proj", 3.0), Bias.NONE, List.of()),
                new LoraConfig(
                        null, 3, 8, 0, TargetModules.of(List.of("q_proj")).inLayers(List.of(1), List.of()), false,
                        false,
                        Map.of(), Map.of(), Bias.NONE, List.of()));
    }

    private Path save(String name, LoraConfig config) throws IOException {
        Path path = directory.resolve(name);
        trained(config).save(path);
        return path;
    }

    private Path merged(String name, Path adapter) throws IOException {
        Path path = directory.resolve(name);
        Merger.merge(decoder, Adapter.load(decoder, adapter), model, path, DType.F32);
        return path;
    }

    @ParameterizedTest
    @MethodSource("others")
    void changesTheWeightsByTheWeightedSum(LoraConfig other) throws IOException {
        Path a = save("a", FIRST);
        Path b = save("b", other);
        LoraConfig config = AdapterSum.write(List.of(a, b), List.of(1.0, -0.5), directory.resolve("sum"));
        assertThat(LoraConfig.load(directory.resolve("sum"))).isEqualTo(config);
        assertThat(config.rank()).isEqualTo(FIRST.rank() + other.rank());
        try (Weights base = Weights.open(model);
                Weights first = Weights.open(merged("merged-a", a));
                Weights second = Weights.open(merged("merged-b", b));
                Weights sum = Weights.open(merged("merged-sum", directory.resolve("sum")))) {
            for (String name : sum.names()) {
                Tensor w = base.tensor(name.equals("lm_head.weight") ? "model.embed_tokens.weight" : name);
                Tensor actual = sum.tensor(name);
                float[] expected = w.toArray();
                add(expected, first, name, w, 1);
                add(expected, second, name, w, -0.5f);
                assertClose(actual.toArray(), expected, 2e-6);
            }
        }
    }

    private static void add(float[] sum, Weights merged, String name, Tensor base, float factor) throws IOException {
        if (merged.names().contains(name)) {
            float[] values = merged.tensor(name).toArray();
            float[] before = base.toArray();
            for (int i = 0; i < sum.length; i++) {
                sum[i] += factor * (values[i] - before[i]);
            }
        }
    }

    @Test
    void whatHasNoSumIsNamed() throws IOException {
        Path a = save("a", FIRST);
        Path dora = save("dora", FIRST.withDora());
        Path bias = save("bias", FIRST.training(Bias.ALL, List.of()));
        Path saved = save("saved", FIRST.training(Bias.NONE, List.of("norm")));
        Map.of(dora, "use_dora", bias, "bias", saved, "modules_to_save")
                .forEach((path, field) -> assertThatThrownBy(
                        () -> AdapterSum.write(List.of(a, path), List.of(1.0, 1.0), directory.resolve("out")))
                        .isInstanceOf(AdapterException.class)
                        .hasMessageStartingWith(path.resolve("adapter_config.json") + ": field '" + field + "'"));
        assertThat(directory.resolve("out")).doesNotExist();
    }
}
