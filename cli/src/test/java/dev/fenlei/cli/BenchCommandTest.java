package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.cli.bench.RandomWeights;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.compute.cpu.WorkerPool;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.lora.pretrain.ModelShape;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BenchCommandTest {

    @TempDir
    static Path folder;

    private static Path model = Path.of("");

    @BeforeAll
    static void pretrain() throws IOException {
        model = TinyModel.pretrain(folder);
    }

    private static List<JsonNode> measurements(CommandRun run) {
        assertThat(run.status()).as(run.err()).isZero();
        List<JsonNode> lines = run.jsonLines();
        for (JsonNode line : lines) {
            assertThat(line.path("min").asDouble()).isPositive().isLessThanOrEqualTo(line.path("median").asDouble());
            assertThat(line.path("median").asDouble()).isLessThanOrEqualTo(line.path("max").asDouble());
            assertThat(line.path("threads").asInt()).isPositive();
            assertThat(line.path("vector_bits").asInt()).isPositive();
            assertThat(line.has("peak_rss_bytes")).isTrue();
        }
        return lines;
    }

    @Test
    void trainingIsMeasuredAndItsLossesAreSaved() throws IOException {
        Path data = Files.writeString(folder.resolve("train.jsonl"), """
                {"prompt_ids": [1, 2, 3, 4, 5], "label_ids": [6, 7]}

                {"prompt_ids": [8, 9], "label_ids": [10]}
                {"prompt_ids": [11, 12, 13], "label_ids": [14, 15]}
                """);
        Path losses = folder.resolve("losses.json");
        List<JsonNode> lines = measurements(CommandRun.of("bench", "train", "--model", model, "--data", data, "--json",
                "--steps", 4, "--warm-up", 1, "--batch-size", 2, "--lora-r", 2, "--save", losses));
        assertThat(lines).extracting(line -> line.path("unit").asString()).containsExactly("tokens/s", "examples/s");
        assertThat(lines.getFirst().path("samples").asInt()).isEqualTo(4);
        JsonNode saved = JsonMapper.shared().readTree(Files.readString(losses)).path("losses");
        assertThat(saved).hasSize(5);
        assertThat(saved.get(0).asDouble()).isEqualTo(lines.getFirst().at("/details/first_loss").asDouble());
    }

    @Test
    void rowsThatDoNotFitAreNamed() throws IOException {
        Path data = folder.resolve("bad.jsonl");
        Files.writeString(data, """
                {"prompt_ids": [1], "label_ids": [2]}
                {"prompt_ids": [1, 300], "label_ids": [2]}
                """);
        assertThat(train(data)).contains("bad.jsonl, line 2, field prompt_ids[1] is 300", "0 to 299");
        Files.writeString(data, "{\"prompt_ids\": [1]}\n");
        assertThat(train(data)).contains("line 1, field label_ids must be an array");
        Files.writeString(data, "{\"prompt_ids\": [1,\n");
        assertThat(train(data)).contains("line 1: not JSON");
        Files.writeString(data, "{\"prompt_ids\": " + Arrays.toString(new int[200]) + ", \"label_ids\": [2]}\n");
        assertThat(train(data)).contains("line 1: prompt and label have 201 tokens, the model takes 128");
        Files.writeString(data, "\n");
        assertThat(train(data)).contains("holds no example");
    }

    private static String train(Path data) {
        CommandRun run = CommandRun.of("bench", "train", "--model", model, "--data", data);
        assertThat(run.status()).isEqualTo(FenleiCommand.FAILED);
        return run.err();
    }

    @Test
    void scoresAreThoseOfTheReference() throws IOException {
        Path golden = CommandRun.golden("scoring/qwen2_5/expected.safetensors");
        try (SafetensorsFile expected = SafetensorsFile.open(golden)) {
            int end = ids(expected, "end_token")[0];
            List<int[]> labels = new ArrayList<>();
            for (int l = 0; expected.names().contains("label.l" + l); l++) {
                int[] label = ids(expected, "label.l" + l);
                int[] ended = Arrays.copyOf(label, label.length + 1);
                ended[label.length] = end;
                labels.add(ended);
            }
            int[] prompt = ids(expected, "prompt.p0");
            Path data = folder.resolve("classify.json");
            Files.writeString(data, JsonMapper.shared().writeValueAsString(
                    Map.of("prefix_len", prompt.length / 2, "prompts", List.of(prompt, prompt), "labels", labels)));
            Path save = folder.resolve("scores.json");
            List<JsonNode> lines = measurements(CommandRun.of(
                    "bench", "classify", "--model", CommandRun.golden("models/qwen2_5"), "--data", data, "--json",
                    "--warm-up", 0, "--repetitions", 2, "--threads", 1, "--save", save));
            assertThat(lines.getFirst().path("unit").asString()).isEqualTo("prompts/s");
            JsonNode scores = JsonMapper.shared().readTree(Files.readString(save)).path("scores");
            float[] values = expected.tensor("score.base.p0").toArray();
            for (JsonNode row : scores) {
                assertThat(row).hasSize(values.length);
                for (int l = 0; l < values.length; l++) {
                    assertThat(row.get(l).asDouble()).isCloseTo(values[l], within(1e-3));
                }
            }
        }
    }

    private static int[] ids(SafetensorsFile file, String name) throws IOException {
        long[] values = file.bytes(name).toArray(ValueLayout.JAVA_LONG_UNALIGNED);
        return LongStream.of(values).mapToInt(Math::toIntExact).toArray();
    }

    @Test
    void promptsMustShareTheirPrefix() throws IOException {
        Path data = folder.resolve("prefix.json");
        Files.writeString(data, "{\"prefix_len\": 2, \"prompts\": [[1, 2, 3], [1, 3, 3]], \"labels\": [[4]]}");
        CommandRun run = CommandRun.of("bench", "classify", "--model", model, "--data", data);
        assertThat(run.err()).contains("prompts[1] must begin with the 2 tokens");
    }

    @Test
    void tokenizingAndLoadingAreMeasured() throws IOException {
        Path text = Files.writeString(folder.resolve("text.txt"), "今天天气很好\nhello\n");
        List<JsonNode> tokenize = measurements(
                CommandRun.of("bench", "tokenize", "--model", model, "--data", text, "--json", "--repetitions", 3));
        assertThat(tokenize.getFirst().at("/details/bytes").asInt()).isEqualTo(23);
        List<JsonNode> load = measurements(
                CommandRun.of("bench", "load", "--model", model, "--json", "--repetitions", 2));
        assertThat(load).extracting(line -> line.path("name").asString()).containsExactly("model", "tokenizer");
    }

    @Test
    void productsAreMeasuredAsAShareOfThePeak() {
        List<JsonNode> lines = measurements(CommandRun.of(
                "bench", "gemm", "--shape", "32x64x64:bf16", "--threads", 1, "--repetitions", 2, "--json"));
        assertThat(lines).extracting(line -> line.path("name").asString()).containsExactly("peak", "32 x 64 x 64 nt");
        assertThat(lines.get(1).at("/details/share_of_peak").asDouble()).isPositive();
    }

    @Test
    void wrongOptionsAreExplained() {
        assertThat(CommandRun.of("bench", "train").err()).contains("bench train needs --data");
        assertThat(CommandRun.of("bench", "load", "--model", model, "--save", "x").err()).contains("--save belongs to");
        assertThat(CommandRun.of("bench", "gemm", "--shape", "32x64").err()).contains("--shape 32x64");
        assertThat(CommandRun.of("bench", "gemm", "--threads", 0).err()).contains("--threads must lie between");
        assertThat(CommandRun.of("bench", "load", "--repetitions", 0, "--model", model).err())
                .contains("--repetitions at least 1");
        assertThat(CommandRun.of("bench", "lod").status()).isEqualTo(FenleiCommand.BAD_USAGE);
    }

    @Test
    void aModelOfRandomWeightsIsWrittenInShards() throws IOException {
        ModelShape shape = new ModelShape(400, 16, 24, 3, 4, 2, 64, 1e4, false);
        Path one = folder.resolve("random-one");
        Path many = folder.resolve("random-many");
        try (WorkerPool pool = new WorkerPool(2); WorkerPool single = new WorkerPool(1)) {
            long[] written = {0};
            new RandomWeights(pool, 7, 8_000).write(shape, model, 1, many, bytes -> written[0] += bytes);
            new RandomWeights(single, 7, RandomWeights.SHARD_BYTES).write(shape, model, 1, one, _ -> {});
            assertThat(written[0]).isEqualTo(RandomWeights.bytes(shape));
        }
        assertThat(many.resolve("model.safetensors.index.json")).exists();
        assertThat(many.resolve("tokenizer.json")).hasSameBinaryContentAs(model.resolve("tokenizer.json"));
        assertThat(one.resolve("model.safetensors")).exists();
        try (Weights sharded = Weights.open(many);
                Weights whole = Weights.open(one);
                CpuBackend backend = new CpuBackend(1);
                Decoder decoder = Decoder.load(many, backend)) {
            assertThat(sharded.names()).containsExactlyInAnyOrderElementsOf(whole.names());
            for (String name : whole.names()) {
                assertThat(sharded.tensor(name).memory().mismatch(whole.tensor(name).memory())).as(name).isEqualTo(-1);
            }
            assertThat(decoder.config().tiedEmbeddings()).isFalse();
            float[] values = whole.tensor("lm_head.weight").toArray();
            double squares = 0;
            for (float value : values) {
                squares += (double) value * value;
            }
            assertThat(Math.sqrt(squares / values.length)).isCloseTo(0.02, within(0.001));
        }
    }

    @Test
    void aModelIsNotMadeOfAnUnknownShapeOrOverAnother() {
        CommandRun unknown = CommandRun.of("bench", "make-model", "--shape", "gpt-5", "--out", folder.resolve("x"));
        assertThat(unknown.status()).isNotZero();
        assertThat(unknown.err()).contains("gpt-5").contains("qwen1.5-7b");
        CommandRun over = CommandRun.of("bench", "make-model", "--shape", "qwen1.5-0.5b", "--out", model);
        assertThat(over.status()).isEqualTo(1);
        assertThat(over.err()).contains("holds a model already");
        assertThat(CommandRun.of("bench", "make-model").status()).isEqualTo(2);
    }
}
