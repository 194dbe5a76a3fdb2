package dev.fenlei.lora.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.tensor.DType;
import java.util.List;
import org.junit.jupiter.api.Test;

class LoraPlusTest {

    private static final String MODULE = "base_model.model.model.layers.0.self_attn.q_proj.";

    private static Parameter parameter(Backend backend, String name, boolean vector) {
        return new Parameter(name, backend.allocate(DType.F32, 1, 2), backend.allocate(DType.F32, 1, 2), vector);
    }

    @Test
    void parametersHaveTheRatesOfTheirGroups() {
        try (Backend backend = new CpuBackend(1)) {
            LoraPlus plus = new LoraPlus(16, null);
            assertThat(plus.rate(parameter(backend, MODULE + "lora_A.weight", false), 0.5)).isEqualTo(0.5);
            assertThat(plus.rate(parameter(backend, MODULE + "lora_B.weight", false), 0.5)).isEqualTo(8);
            assertThat(plus.rate(parameter(backend, MODULE + "lora_magnitude_vector", false), 0.5)).isEqualTo(8);
            assertThat(plus.rate(parameter(backend, MODULE + "base_layer.bias", true), 0.5)).isEqualTo(8);
            assertThat(plus.rate(parameter(backend, "base_model.model.lm_head.weight", false), 0.5)).isEqualTo(0.5);
            Parameter embedding = parameter(
                    backend, "base_model.model.model.embed_tokens.lora_embedding_B", false);
            assertThat(plus.rate(embedding, 0.5)).isEqualTo(0.5);
            assertThat(new LoraPlus(16, 1e-6).rate(embedding, 0.5)).isEqualTo(1e-6);
        }
    }

    /// AdamW's first step has the length of the learning rate, whatever the gradient.
    @Test
    void aStepIsAsLongAsTheRateOfTheGroup() {
        try (Backend backend = new CpuBackend(1)) {
            Parameter a = parameter(backend, MODULE + "lora_A.weight", false);
            Parameter b = parameter(backend, MODULE + "lora_B.weight", false);
            TrainingSettings settings = TrainingSettings.of(1, 1, 1, 1e-3, 1).with(new LoraPlus(4, null));
            AdamW optimizer = new AdamW(backend, List.of(a, b), settings);
            backend.fill(a.gradient(), 0.01f);
            backend.fill(b.gradient(), 0.03f);
            optimizer.step(0.5, optimizer.gradientNorm());
            assertThat(a.value().get(0, 0)).isCloseTo(-5e-4f, org.assertj.core.api.Assertions.offset(1e-8f));
            assertThat(b.value().get(0, 0)).isCloseTo(-2e-3f, org.assertj.core.api.Assertions.offset(1e-8f));
        }
    }

    @Test
    void impossibleRatesAreRefused() {
        assertThatThrownBy(() -> new LoraPlus(0, null)).hasMessageContaining("ratio");
        assertThatThrownBy(() -> new LoraPlus(Double.NaN, null)).hasMessageContaining("ratio");
        assertThatThrownBy(() -> new LoraPlus(1, -1.0)).hasMessageContaining("embedding");
    }
}
