package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/// `train` with every kind of adapter, `predict` with what it wrote, and `merge`.
class AdapterCommandsTest {

    @TempDir
    static Path folder;

    private static Path model = Path.of("");
    private static Path data = Path.of("");

    @BeforeAll
    static void prepare() throws IOException {
        model = TinyModel.pretrain(folder, 512);
        List<String> rows = IntStream.range(0, 8)
                .mapToObj(i -> "{\"text\": \"天气" + i + "\", \"category\": [\"a\", \"b\"], \"output\": \""
                        + "ab".charAt(i % 2) + "\"}")
                .toList();
        data = Files.write(folder.resolve("train.jsonl"), rows);
    }

    private static CommandRun train(Path out, String options) {
        Stream<Object> common = Stream.of(
                "train", "--model", model, "--data", data, "--out", out, "--max-length", 384, "--epochs", 1, "--lora-r",
                2,
                "--baseline", 0);
        return CommandRun.of(Stream.concat(common, Stream.of(options.split(" "))).toArray());
    }

    private static Path trained(Path out, String options) {
        CommandRun run = train(out, options);
        assertThat(run.status()).as(run.err()).isZero();
        return out.resolve("adapter");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --dora --bias all --modules-to-save lm_head,norm       | use_dora      | true
            --target-modules embed_tokens,q_proj --dora            | use_dora      | true
            --bias lora_only --lora-plus-ratio 16                  | bias          | "lora_only"
            --exclude-modules q_proj --rank-pattern v_proj=1       | rank_pattern  | {"v_proj":1}
            --target-modules .*[qv]_proj                           | target_modules | ".*[qv]_proj"
            --target-modules q_proj --layers-to-transform 0 --layers-pattern layers | layers_to_transform | [0]
            """)
    void everyKindOfAdapterIsTrainedAndMerged(String options, String field, String value, @TempDir Path out)
            throws IOException {
        Path adapter = trained(out.resolve("run"), options);
        JsonNode config = JsonMapper.shared().readTree(Files.readString(adapter.resolve("adapter_config.json")));
        assertThat(config.path(field).toString()).isEqualTo(value);
        CommandRun predicted = CommandRun.of("predict", "--adapter", adapter, "--input", data);
        assertThat(predicted.status()).as(predicted.err()).isZero();
        assertThat(CommandRun.of("merge", "--adapter", adapter, "--out", out.resolve("merged")).status()).isZero();
        CommandRun merged = CommandRun.of("predict", "--model", out.resolve("merged"), "--input", data);
        assertThat(merged.status()).as(merged.err()).isZero();
        for (int i = 0; i < predicted.jsonLines().size(); i++) {
            assertThat(merged.jsonLines().get(i).path("label")).isEqualTo(predicted.jsonLines().get(i).path("label"));
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            --target-modules c_attn                              | target_modules matches no module
            --target-modules [                                   | target_modules holds the malformed pattern [
            --modules-to-save score                              | modules_to_save holds score
            --layers-to-transform 0 --target-modules all-linear  | layers_to_transform cannot be used
            --rank-pattern (=1                                   | rank_pattern holds the malformed pattern (
            --lora-plus-ratio 0                                  | ratio of LoRA+ must be positive
            """)
    void whatCannotBeTrainedIsSaidInOneLine(String options, String message, @TempDir Path out) {
        CommandRun run = train(out.resolve("run"), options);
        assertThat(run.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(run.err()).contains(message);
        assertThat(out.resolve("run")).doesNotExist();
    }

    @Test
    void adaptersAreAdded(@TempDir Path out) throws IOException {
        Path a = trained(out.resolve("a"), "--target-modules q_proj");
        Path b = trained(out.resolve("b"), "--target-modules v_proj --seed 7");
        CommandRun run = CommandRun.of("merge", "--adapters", a + "," + b, "--weights", "1,0.5", "--out",
                out.resolve("sum"));
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).contains("added 2 adapters", "rank 4");
        assertThat(CommandRun.of("predict", "--adapter", out.resolve("sum"), "--input", data).status()).isZero();

        CommandRun few = CommandRun.of("merge", "--adapters", a + "," + b, "--weights", "1", "--out", out.resolve("x"));
        assertThat(few.status()).isEqualTo(2);
        assertThat(few.err()).contains("--weights must give a factor for each of the 2 adapters");
        CommandRun typed = CommandRun.of("merge", "--adapters", a, "--dtype", "bf16", "--out", out.resolve("x"));
        assertThat(typed.err()).contains("--dtype");
        CommandRun lonely = CommandRun.of("merge", "--adapter", a, "--weights", "1", "--out", out.resolve("x"));
        assertThat(lonely.err()).contains("--weights belongs to --adapters");
        CommandRun both = CommandRun.of("merge", "--adapter", a, "--adapters", b, "--out", out.resolve("x"));
        assertThat(both.status()).isEqualTo(2);
    }

    /// The same weights whether they were quantised on disk or are now; an adapter is trained on them and merged, as another
    /// type, into them.
    @Test
    void aQuantisedModelPredictsTrainsAndMerges() throws IOException {
        Path quantized = folder.resolve("int8");
        CommandRun quantize = CommandRun.of("quantize", "--model", model, "--out", quantized);
        assertThat(quantize.status()).as(quantize.err()).isZero();
        assertThat(quantize.out()).contains("quantized", "relative error");
        CommandRun again = CommandRun.of("quantize", "--model", model, "--out", quantized);
        assertThat(again.status()).isEqualTo(1);
        assertThat(again.err()).contains("not empty");

        String stored = predictions(quantized, "none");
        assertThat(predictions(model, "int8")).isEqualTo(stored);
        assertThat(predictions(quantized, "int8")).isEqualTo(stored);
        assertThat(predictions(model, "none")).isNotEqualTo(stored);

        Path out = folder.resolve("on-int8");
        CommandRun train = CommandRun.of(
                "train", "--model", quantized, "--data", data, "--out", out, "--max-length", 384, "--epochs", 1,
                "--lora-r", 2, "--baseline", 0);
        assertThat(train.status()).as(train.err()).isZero();
        Path adapter = out.resolve("adapter");
        CommandRun refused = CommandRun.of(
                "merge", "--model", quantized, "--adapter", adapter, "--out", folder.resolve("merged-int8"));
        assertThat(refused.status()).isEqualTo(1);
        assertThat(refused.err()).contains("the base model is quantised", "--dtype");
        Path merged = folder.resolve("merged-bf16");
        CommandRun merge = CommandRun.of(
                "merge", "--model", quantized, "--adapter", adapter, "--out", merged, "--dtype", "bf16");
        assertThat(merge.status()).as(merge.err()).isZero();
        assertThat(Files.readString(merged.resolve("config.json"))).doesNotContain("quantization_config");
        assertThat(predictions(merged, "none")).isNotEmpty();
        CommandRun wrongType = CommandRun.of(
                "merge", "--model", model, "--adapter", adapter, "--out", folder.resolve("no"), "--dtype", "i8");
        assertThat(wrongType.status()).isEqualTo(2);
        assertThat(wrongType.err()).contains("--dtype must be f32, f16 or bf16");
    }

    private static String predictions(Path directory, String quantization) {
        CommandRun run = CommandRun.of(
                "predict", "--model", directory, "--input", data, "--quantization", quantization);
        assertThat(run.status()).as(run.err()).isZero();
        return run.out();
    }
}
