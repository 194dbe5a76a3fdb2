package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.safetensors.Weights;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;
import tools.jackson.databind.node.ObjectNode;

/// `generate`, `tokenize`, `inspect` and `merge`, on a model that `pretrain` has just made.
class ModelCommandsTest {

    @TempDir
    static Path folder;

    private static Path model = Path.of("");

    @BeforeAll
    static void pretrain() throws IOException {
        model = TinyModel.pretrain(folder);
    }

    @Test
    void aModelCanBePretrainedFurther() throws IOException {
        Path further = folder.resolve("further");
        Path corpus = folder.resolve("corpus.jsonl");
        CommandRun run = CommandRun.of(
                "pretrain", "--model", model, "--data", corpus, "--out", further, "--dialogues", 0.5,
                "--sequence-length", 16, "--max-steps", 1, "--batch-size", 4);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(Files.readString(further.resolve("tokenizer.json")))
                .isEqualTo(Files.readString(model.resolve("tokenizer.json")));
        assertThat(Files.mismatch(further.resolve("model.safetensors"), model.resolve("model.safetensors")))
                .isNotEqualTo(-1);
        CommandRun generated = CommandRun.of(
                "generate", "--model", further, "--prompt", "天气", "--raw", "--max-new-tokens", 1);
        assertThat(generated.status()).as(generated.err()).isZero();

        CommandRun onto = CommandRun.of("pretrain", "--model", model, "--data", corpus, "--out", model);
        assertThat(onto.status()).isEqualTo(1);
        assertThat(onto.err()).contains("the new model would replace the one it is made from");
        CommandRun tooLong = CommandRun.of(
                "pretrain", "--model", model, "--data", corpus, "--out", further, "--sequence-length", 256);
        assertThat(tooLong.status()).isEqualTo(1);
        assertThat(tooLong.err()).contains("at most the model's 128 positions");
        CommandRun share = CommandRun.of(
                "pretrain", "--model", model, "--data", corpus, "--out", further, "--dialogues", 2);
        assertThat(share.status()).isEqualTo(1);
        assertThat(share.err()).contains("share of dialogues must lie between 0 and 1");
    }

    @Test
    void generationStreamsTextAndTellsTheRate() {
        CommandRun run = CommandRun.of(
                "generate", "--model", model, "--prompt", "天气", "--raw", "--max-new-tokens", 5);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).endsWith(System.lineSeparator());
        assertThat(run.err()).containsPattern("\\d+ prompt tokens, [1-5] new tokens; the first after .* s");
    }

    @Test
    void theChatTemplateAddsTokensAndStandardInputIsThePrompt() {
        CommandRun raw = CommandRun.withInput("天气\n", "generate", "--model", model, "--prompt", "-", "--raw",
                "--max-new-tokens", 1);
        CommandRun chat = CommandRun.withInput("天气\n", "generate", "--model", model, "--prompt", "-", "--system",
                "好", "--max-new-tokens", 1);
        assertThat(raw.status()).as(raw.err()).isZero();
        assertThat(chat.status()).as(chat.err()).isZero();
        assertThat(promptTokens(chat)).isGreaterThan(promptTokens(raw) + 6);
    }

    private static int promptTokens(CommandRun run) {
        return Integer.parseInt(run.err().strip().split(" ", 2)[0]);
    }

    @Test
    void aSeedMakesSamplingRepeatable() {
        Object[] command = {
            "generate", "--model", model, "--prompt", "天气", "--raw", "--temperature", 2, "--top-k", 50,
            "--top-p", 0.95, "--repetition-penalty", 1.1, "--max-new-tokens", 8, "--seed", 7
        };
        assertThat(CommandRun.of(command).out()).isEqualTo(CommandRun.of(command).out());
    }

    @Test
    void generationExplainsWhatItCannotDo() {
        assertThat(generate("--prompt", "").err()).contains("the prompt is empty");
        assertThat(generate("--prompt", "天", "--top-p", "0").err()).contains("topP must lie above 0");
        assertThat(generate("--prompt", "天".repeat(600)).err()).contains("leaves no room for an answer");
        assertThat(generate("--prompt", "天", "--use-generation-config").err()).contains("generation_config.json");
        assertThat(generate("--prompt", "天", "--system", "x").status()).isEqualTo(FenleiCommand.BAD_USAGE);
    }

    private static CommandRun generate(String... options) {
        Object[] command = new Object[options.length + 4];
        System.arraycopy(new Object[] {"generate", "--model", model, "--raw"}, 0, command, 0, 4);
        System.arraycopy(options, 0, command, 4, options.length);
        CommandRun run = CommandRun.of(command);
        assertThat(run.status()).isNotZero();
        assertThat(run.err()).doesNotContain("internal error");
        return run;
    }

    @Test
    void anInterruptionEndsGeneration() {
        Interruption interruption = new Interruption(Duration.ZERO);
        interruption.request();
        CommandRun run = CommandRun.of(
                interruption, "generate", "--model", model, "--prompt", "天气", "--raw", "--max-new-tokens", 60);
        assertThat(run.status()).isEqualTo(FenleiCommand.INTERRUPTED);
        assertThat(run.out()).isEmpty();
        assertThat(run.err()).contains("interrupted").doesNotContain("new tokens");
    }

    @Test
    void theModelsOwnSamplingSettingsAreUsedOnRequest(@TempDir Path copy) throws IOException {
        TinyModel.copy(model, copy);
        Path config = copy.resolve("generation_config.json");
        Files.writeString(config, "{\"do_sample\": true, \"top_k\": \"x\"}");
        CommandRun wrong = CommandRun.of("generate", "--model", copy, "--prompt", "天", "--use-generation-config");
        assertThat(wrong.err()).contains(config.toString(), "field 'top_k'");
        Files.writeString(config, "{\"do_sample\": true, \"temperature\": 0.7, \"top_k\": 20, \"top_p\": 0.8}");
        CommandRun right = CommandRun.of(
                "generate", "--model", copy, "--prompt", "天", "--use-generation-config", "--max-new-tokens", 2);
        assertThat(right.status()).as(right.err()).isZero();
    }

    @Test
    void textGoesToIdsAndBack() {
        String text = "今天天气很好 hello\n\n第二 <|im_end|>\n";
        CommandRun ids = CommandRun.withInput(text, "tokenize", "--model", model);
        CommandRun json = CommandRun.withInput(text, "tokenize", "--model", model, "--json");
        CommandRun control = CommandRun.withInput(text, "tokenize", "--model", model, "--control-tokens");
        assertThat(ids.out().lines()).hasSize(3);
        assertThat(json.jsonLines()).allMatch(JsonNode::isArray);
        assertThat(control.out().length()).isLessThan(ids.out().length());
        for (CommandRun encoded : new CommandRun[] {ids, json, control}) {
            CommandRun back = CommandRun.withInput(encoded.out(), "tokenize", "--model", model, "--decode");
            assertThat(back.out()).isEqualToNormalizingNewlines(text);
        }
        CommandRun quoted = CommandRun.withInput(ids.out(), "tokenize", "--model", model, "--decode", "--json");
        assertThat(quoted.jsonLines().getFirst().asString()).isEqualTo("今天天气很好 hello");
    }

    @Test
    void whatIsNoIdIsNamedWithItsLine() {
        CommandRun run = CommandRun.withInput("1 2\n3 999999\n", "tokenize", "--model", model, "--decode");
        assertThat(run.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(run.err()).contains("line 2", "'999999'");
    }

    @Test
    void aModelIsInspected() {
        JsonNode report = CommandRun.of("inspect", model, "--json").json();
        assertThat(report.path("kind").asString()).isEqualTo("model");
        assertThat(report.path("usable").asString()).isEqualTo("yes");
        assertThat(report.at("/config/hidden_size").asInt()).isEqualTo(TinyModel.HIDDEN_SIZE);
        assertThat(report.path("parameters").asLong()).isPositive()
                .isEqualTo(report.at("/parameters_by_dtype/BF16").asLong());
        assertThat(report.path("tokenizer_size").asInt()).isBetween(260, TinyModel.VOCABULARY_SIZE);
        assertThat(report.path("bytes_on_disk").asLong()).isGreaterThan(report.at("/files/0/bytes").asLong());
        String text = CommandRun.of("inspect", model).out();
        assertThat(text).contains("hidden_size", "model.safetensors", "BF16",
                String.format(Locale.ROOT, "%,d", report.path("parameters").asLong()));
    }

    @Test
    void aSafetensorsFileIsInspected() {
        Path file = model.resolve("model.safetensors");
        JsonNode report = CommandRun.of("inspect", file, "--json").json();
        assertThat(report.at("/metadata/format").asString()).isEqualTo("pt");
        assertThat(report.path("tensors")).hasSize(report.path("tensor_count").asInt());
        assertThat(CommandRun.of("inspect", file).out()).contains("model.embed_tokens.weight", "["
                + TinyModel.VOCABULARY_SIZE + ", " + TinyModel.HIDDEN_SIZE + "]");
    }

    @Test
    void whatCannotBeInspectedIsExplained() {
        assertThat(CommandRun.of("inspect", folder.resolve("absent")).err()).contains("absent: no such file");
        assertThat(CommandRun.of("inspect", folder).err()).contains("neither a model", "nor an adapter");
        assertThat(CommandRun.of("inspect", model.resolve("config.json")).err()).contains("config.json: ");
    }

    @Test
    void anAdapterIsInspected() {
        Path adapter = CommandRun.golden("lora/qwen2_5-base/adapter_final");
        JsonNode report = CommandRun.of("inspect", adapter, "--json").json();
        assertThat(report.path("kind").asString()).isEqualTo("adapter");
        assertThat(report.path("rank").asInt()).isEqualTo(8);
        assertThat(report.path("scaling").asDouble()).isEqualTo(4);
        assertThat(report.at("/modules/q_proj").asInt()).isEqualTo(3);
        assertThat(report.path("parameters").asInt()).isEqualTo(36_672);
    }

    @Test
    void aModelThatIsNotSupportedIsShownWithTheReason(@TempDir Path folder) throws IOException {
        Path base = CommandRun.golden("models/llama3");
        Files.copy(base.resolve("model.safetensors"), folder.resolve("model.safetensors"));
        Files.writeString(
                folder.resolve("config.json"),
                Files.readString(base.resolve("config.json")).replace("\"llama\"", "\"mamba\""));
        JsonNode report = CommandRun.of("inspect", folder, "--json").json();
        assertThat(report.path("usable").asString()).startsWith("no: ").contains("model_type", "mamba", "qwen3");
        assertThat(report.path("parameters").asLong()).isPositive();
        assertThat(report.path("tokenizer").asString()).startsWith("no: ");
    }

    @Test
    void anAdapterNamesItsModel(@TempDir Path folder) throws IOException {
        Path base = CommandRun.golden("models/qwen2_5");
        Path source = CommandRun.golden("lora/qwen2_5-base/adapter_final");
        Path adapter = Files.createDirectory(folder.resolve("adapter"));
        Files.copy(source.resolve("adapter_model.safetensors"), adapter.resolve("adapter_model.safetensors"));
        Path config = adapter.resolve("adapter_config.json");
        ObjectNode json = (ObjectNode) new ObjectMapper()
                .readTree(Files.readString(source.resolve("adapter_config.json")));

        Files.writeString(config, json.put("base_model_name_or_path", base.toString()).toString());
        CommandRun found = CommandRun.of("merge", "--adapter", adapter, "--out", folder.resolve("merged"));
        assertThat(found.status()).as(found.err()).isZero();

        Files.writeString(config, json.put("base_model_name_or_path", "Qwen/Elsewhere").toString());
        CommandRun absent = CommandRun.of("merge", "--adapter", adapter, "--out", folder.resolve("other"));
        assertThat(absent.status()).isNotZero();
        assertThat(absent.err()).contains("Qwen/Elsewhere", "--model");
        assertThat(folder.resolve("other")).doesNotExist();

        Files.writeString(config, json.putNull("base_model_name_or_path").toString());
        CommandRun silent = CommandRun.of("merge", "--adapter", adapter, "--out", folder.resolve("other"));
        assertThat(silent.status()).isNotZero();
        assertThat(silent.err()).contains("--model");
    }

    @Test
    void anAdapterIsMerged(@TempDir Path out) throws IOException {
        Path base = CommandRun.golden("models/qwen2_5");
        Path adapter = CommandRun.golden("lora/qwen2_5-base/adapter_final");
        CommandRun run = CommandRun.of("merge", "--model", base, "--adapter", adapter, "--out", out, "--dtype", "bf16");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).contains("merged 21 tensors", "greatest rounding error 0.00");
        JsonNode report = CommandRun.of("inspect", out, "--json").json();
        assertThat(report.at("/parameters_by_dtype/BF16").asLong()).isEqualTo(report.path("parameters").asLong());
        String name = "model.layers.1.mlp.up_proj.weight";
        try (Weights merged = Weights.open(out);
                Weights plain = Weights.open(base);
                Weights update = Weights.open(adapter.resolve("adapter_model.safetensors"))) {
            String prefix = "base_model.model.model.layers.1.mlp.up_proj.lora_";
            double expected = plain.tensor(name).get(3, 5);
            for (int r = 0; r < 8; r++) {
                expected += 4.0 * update.tensor(prefix + "B.weight").get(3, r)
                        * update.tensor(prefix + "A.weight").get(r, 5);
            }
            assertThat((double) merged.tensor(name).get(3, 5)).isCloseTo(expected, within(Math.abs(expected) / 256));
        }
        CommandRun again = CommandRun.of("merge", "--model", base, "--adapter", adapter, "--out", out);
        assertThat(again.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(again.err()).contains(out.toString(), "not empty");
    }
}
