package dev.fenlei.lora.golden;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.generate.Generation;
import dev.fenlei.engine.generate.Generator;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelConfig;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashSet;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// Logits, hidden states and greedy text of whole models against Hugging Face.
class GoldenModelTest {

    static Stream<String> models() throws IOException {
        return Golden.folders("models").stream();
    }

    @ParameterizedTest
    @MethodSource("models")
    void logitsAndTextAreThoseOfTheReference(String model) throws IOException {
        try (Golden golden = Golden.open("models/" + model);
                Backend backend = new CpuBackend(2);
                Decoder decoder = Decoder.load(golden.folder(), backend)) {
            ModelConfig config = decoder.config();
            golden.check(
                    "rope.inv_freq", config.ropeScaling().inverseFrequencies(config.headDim(), config.ropeTheta()));
            checkForward(golden, decoder);
            for (String name : List.of("plain", "eos", "penalty")) {
                if (golden.has("generate." + name + ".prompt")) {
                    checkGeneration(golden, decoder, name);
                }
            }
        }
    }

    /// The spelling of the configuration on the hub means the same as that of transformers 5.
    @ParameterizedTest
    @MethodSource("models")
    void bothSpellingsOfTheConfigurationAgree(String model, @TempDir Path copy) throws IOException {
        Path folder = Golden.root().resolve("models").resolve(model);
        Files.copy(folder.resolve("config_v4.json"), copy.resolve("config.json"), StandardCopyOption.REPLACE_EXISTING);
        Files.copy(folder.resolve("generation_config.json"), copy.resolve("generation_config.json"));
        assertThat(ModelConfig.load(copy)).isEqualTo(ModelConfig.load(folder));
    }

    private static void checkForward(Golden golden, Decoder decoder) throws IOException {
        try (Workspace workspace = decoder.backend().newWorkspace()) {
            for (int s = 0; golden.has("input_ids.s" + s); s++) {
                workspace.reset();
                Pass pass = Pass.inference(decoder.backend(), workspace);
                int[] ids = golden.ids("input_ids.s" + s);
                Batch batch = Batch.sequence(0, ids);
                Tensor hidden = decoder.forward(pass, batch, null);
                int[] rows = IntStream.range(0, ids.length).toArray();
                golden.check("logits.s" + s, decoder.logits(pass, hidden, rows).toArray());
                if (golden.has("hidden.s" + s + ".embed")) {
                    Decoder.Activations activations = decoder.forwardForTraining(pass, batch, false);
                    golden.check("hidden.s" + s + ".embed", activations.inputs().getFirst().toArray());
                    for (int layer = 1; layer < activations.inputs().size(); layer++) {
                        golden.check(
                                "hidden.s" + s + ".layer" + (layer - 1),
                                activations.inputs().get(layer).toArray());
                    }
                    golden.check(
                            "hidden.s" + s + ".layer" + (activations.inputs().size() - 1),
                            activations.hidden().toArray());
                }
            }
        }
    }

    private static void checkGeneration(Golden golden, Decoder decoder, String name) throws IOException {
        JsonNode facts = golden.manifest().path("facts").path("generation").path(name);
        HashSet<Integer> end = new HashSet<>();
        facts.path("eos_token_ids").forEach(id -> end.add(id.asInt()));
        Generation settings = new Generation(
                facts.path("max_new_tokens").asInt(),
                0,
                0,
                1,
                facts.path("repetition_penalty").asDouble(),
                end,
                decoder.config().vocabSize(),
                0);
        int[] output = Generator.generate(decoder, golden.ids("generate." + name + ".prompt"), settings, id -> true);
        assertThat(output).as(name).isEqualTo(golden.ids("generate." + name + ".new_ids"));
    }

    @ParameterizedTest
    @org.junit.jupiter.params.provider.ValueSource(strings = {"hf-qwen2", "hf-qwen2-bf16", "hf-qwen2-f16-sharded"})
    void aTrainedModelWritesTheReferenceStory(String form) throws IOException {
        Path folder = Golden.shared("models/stories260K");
        JsonNode golden = JsonMapper.shared().readTree(Files.readString(folder.resolve("golden-forward.json")));
        int[] expected = golden.path("greedy_ids").valueStream().mapToInt(JsonNode::asInt).toArray();
        // Rounded weights drift from the reference in time; the exact ones must not.
        int length = form.equals("hf-qwen2") ? expected.length : 24;
        try (Backend backend = new CpuBackend(2);
                Decoder decoder = Decoder.load(folder.resolve(form), backend)) {
            Generation settings = Generation.greedy(length - 1, java.util.Set.of(), decoder.config().vocabSize());
            int[] output = Generator.generate(decoder, new int[] {expected[0]}, settings, id -> true);
            assertThat(output).isEqualTo(java.util.Arrays.copyOfRange(expected, 1, length));
        }
    }

    @Test
    void theSharesOfTheGoldenSetAreNotEmpty() throws IOException {
        assertThat(models()).isNotEmpty();
    }
}
