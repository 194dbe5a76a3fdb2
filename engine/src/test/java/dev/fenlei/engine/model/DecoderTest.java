package dev.fenlei.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.safetensors.SafetensorsException;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.engine.testing.TinyModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DecoderTest {

    private static final int[] IDS = {3, 17, 5, 5, 22, 0, 9, 8, 1, 14};

    private final Backend backend = new CpuBackend(2);
    private final Workspace workspace = backend.newWorkspace();
    private final Workspace cacheMemory = backend.newWorkspace();

    @TempDir
    Path directory;

    private Decoder decoder;

    @BeforeEach
    void open() throws IOException {
        decoder = Decoder.load(TinyModel.write(directory, true), backend);
    }

    @AfterEach
    void close() {
        decoder.close();
        workspace.close();
        cacheMemory.close();
        backend.close();
    }

    private void reopen(String config) throws IOException {
        decoder.close();
        decoder = Decoder.load(TinyModel.write(directory, config), backend);
    }

    private float[] hidden(Batch batch, @Nullable KeyValueCache cache) {
        workspace.reset();
        return decoder.forward(Pass.inference(backend, workspace), batch, cache).toArray();
    }

    @ParameterizedTest
    @ValueSource(strings = {"10", "1,9", "9,1", "4,6", "3,3,4", "1,1,1,1,1,1,1,1,1,1"})
    void aCacheFilledInPiecesGivesWhatOnePassGives(String pieces) {
        float[] expected = hidden(Batch.sequence(0, IDS), null);
        KeyValueCache cache = new KeyValueCache(cacheMemory, decoder.config(), IDS.length);
        int row = 0;
        for (String piece : pieces.split(",")) {
            int end = row + Integer.parseInt(piece);
            float[] actual = hidden(Batch.sequence(row, Arrays.copyOfRange(IDS, row, end)), cache);
            assertThat(actual)
                    .as("rows %d to %d", row, end)
                    .containsExactly(
                            Arrays.copyOfRange(expected, row * TinyModel.HIDDEN, end * TinyModel.HIDDEN),
                            within(1e-4f));
            row = end;
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "llama", "mistral", "qwen2-window", "qwen2-yarn"})
    void aCacheFilledInPiecesGivesWhatOnePassGivesInEveryFamily(String family) throws IOException {
        reopen(TinyModel.family(family));
        aCacheFilledInPiecesGivesWhatOnePassGives("4,1,5");
    }

    /// The window reaches from the branches over the prompt into the prefix.
    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "mistral", "qwen2-window"})
    void branchesBehindACachedPrefixAreSequencesOfTheirOwn(String family) throws IOException {
        reopen(TinyModel.family(family));
        KeyValueCache cache = new KeyValueCache(cacheMemory, decoder.config(), 4);
        hidden(Batch.sequence(0, Arrays.copyOf(IDS, 4)), cache);
        int root = AttentionMask.ROOT;
        int linear = AttentionMask.LINEAR;
        AttentionMask mask = new AttentionMask(
                4, new int[6], new int[] {1, 2, 2, 2, 2, 2}, new int[] {linear, linear, root, 2, 2, 4});
        Batch branches = new Batch(new int[] {22, 0, 9, 8, 1, 14}, new int[] {4, 5, 6, 7, 7, 8}, mask);
        float[] actual = hidden(branches, cache.frozen());
        checkLast(actual, 3, 3, 17, 5, 5, 22, 0, 9, 8);
        checkLast(actual, 5, 3, 17, 5, 5, 22, 0, 9, 1, 14);
    }

    private void checkLast(float[] actual, int row, int... ids) {
        float[] alone = hidden(Batch.sequence(0, ids), null);
        assertThat(Arrays.copyOfRange(actual, row * TinyModel.HIDDEN, (row + 1) * TinyModel.HIDDEN))
                .containsExactly(
                        Arrays.copyOfRange(alone, alone.length - TinyModel.HIDDEN, alone.length), within(1e-4f));
    }

    /// A token changes the last row of one layer as long as it lies in the window, and not a position longer.
    @Test
    void tokensOutsideTheWindowChangeNothing() throws IOException {
        reopen(TinyModel.family("mistral").replace("\"num_hidden_layers\":2", "\"num_hidden_layers\":1"));
        float[] before = hidden(Batch.sequence(0, IDS), null);
        for (int token = 0; token < IDS.length; token++) {
            int[] changed = IDS.clone();
            changed[token] = 6;
            float[] after = hidden(Batch.sequence(0, changed), null);
            int last = before.length - TinyModel.HIDDEN;
            assertThat(Arrays.equals(after, last, after.length, before, last, before.length))
                    .as("token %d of %d", token, IDS.length)
                    .isEqualTo(token < IDS.length - 3);
        }
    }

    @Test
    void aFrozenCacheIsNotWrittenTo() {
        KeyValueCache cache = new KeyValueCache(cacheMemory, decoder.config(), 4);
        int[] prefix = Arrays.copyOf(IDS, 4);
        hidden(Batch.sequence(0, prefix), cache);
        int[] rest = Arrays.copyOfRange(IDS, 4, IDS.length);
        float[] first = hidden(Batch.sequence(4, rest), cache.frozen());
        hidden(Batch.sequence(4, 1, 2, 3), cache.frozen());
        assertThat(hidden(Batch.sequence(4, rest), cache.frozen())).isEqualTo(first);
    }

    @Test
    void laterTokensDoNotChangeEarlierRows() {
        float[] whole = hidden(Batch.sequence(0, IDS), null);
        float[] part = hidden(Batch.sequence(0, Arrays.copyOf(IDS, 5)), null);
        assertThat(part).containsExactly(Arrays.copyOf(whole, part.length), within(1e-5f));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "9", "2,9", "0,1,2,3,4,5,6,7,8,9"})
    void theOutputsAreRowsOfTheWhole(String rows) {
        float[] all = hidden(Batch.sequence(0, IDS), null);
        int[] outputs = Arrays.stream(rows.split(",")).mapToInt(Integer::parseInt).toArray();
        float[] some = hidden(Batch.sequence(0, IDS).withOutputs(outputs), null);
        assertThat(some).hasSize(outputs.length * TinyModel.HIDDEN);
        for (int i = 0; i < outputs.length; i++) {
            assertThat(Arrays.copyOfRange(some, i * TinyModel.HIDDEN, (i + 1) * TinyModel.HIDDEN))
                    .containsExactly(
                            Arrays.copyOfRange(
                                    all, outputs[i] * TinyModel.HIDDEN, (outputs[i] + 1) * TinyModel.HIDDEN),
                            within(1e-5f));
        }
    }

    @Test
    void outputsThatAreNotAscendingRowsAreRefused() {
        for (int[] rows : new int[][] {{2, 1}, {3, 3}, {-1}, {IDS.length}}) {
            assertThatThrownBy(() -> Batch.sequence(0, IDS).withOutputs(rows))
                    .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void logitsOfSomeRowsAreThoseOfAll() {
        Pass pass = Pass.inference(backend, workspace);
        Tensor hidden = decoder.forward(pass, Batch.sequence(0, IDS), null);
        Tensor all = decoder.logits(pass, hidden, IntStream.range(0, IDS.length).toArray());
        Tensor some = decoder.logits(pass, hidden, 9, 2);
        assertThat(some.row(0).toArray()).containsExactly(all.row(9).toArray(), within(1e-5f));
        assertThat(some.row(1).toArray()).containsExactly(all.row(2).toArray(), within(1e-5f));
    }

    @Test
    void trainingAllLeavesTheMappedWeightsAlone() throws IOException {
        float[] before = decoder.weights().tensor("model.norm.weight").toArray();
        for (Parameter parameter : decoder.trainAll()) {
            backend.fill(parameter.value(), 0);
        }
        assertThat(decoder.weights().tensor("model.norm.weight").toArray()).isEqualTo(before);
    }

    @Test
    void tokensAndPositionsOutsideTheModelAreRefused() {
        assertThatThrownBy(() -> hidden(Batch.sequence(0, 1, TinyModel.VOCABULARY), null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("23");
        assertThatThrownBy(() -> hidden(Batch.sequence(0, new int[TinyModel.POSITIONS + 1]), null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("32 positions");
    }

    @Test
    void yarnMakesPositionsForLongerTexts() throws IOException {
        reopen(TinyModel.family("qwen2-yarn"));
        assertThat(hidden(Batch.sequence(0, new int[4 * TinyModel.POSITIONS]), null)).isNotEmpty();
        assertThatThrownBy(() -> hidden(Batch.sequence(0, new int[4 * TinyModel.POSITIONS + 1]), null))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("128 positions");
    }

    @Test
    void aTensorThatDoesNotFitTheConfigurationIsNamed() throws IOException {
        Path config = directory.resolve("config.json");
        Files.writeString(config,
                Files.readString(config).replace("\"intermediate_size\": 20", "\"intermediate_size\": 24"));
        assertThatThrownBy(() -> Decoder.load(directory, backend))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("model.layers.0.mlp.gate_proj.weight")
                .hasMessageContaining("[20, 12]")
                .hasMessageContaining("[24, 12]");
    }

    /// Packed weights have another shape than the configuration asks for, but that is not what a reader needs to be told.
    @Test
    void quantisedWeightsAreRefusedByTheirType() throws IOException {
        Path file = directory.resolve("model.safetensors");
        Files.writeString(directory.resolve("config.json"), TinyModel.config(true).replace(": 20", ": 160"));
        String content = Files.readString(file, StandardCharsets.ISO_8859_1);
        Files.writeString(file, content.replace("\"F32\"", "\"I32\""), StandardCharsets.ISO_8859_1);
        assertThatThrownBy(() -> Decoder.load(directory, backend))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("I32; weights can be F32, F16 or BF16, or I8 with a scale for each row");
    }

    @Test
    void anAbsentNormOfTheHeadsIsNamed() throws IOException {
        Files.writeString(directory.resolve("config.json"), qwen3WithoutNorms());
        assertThatThrownBy(() -> Decoder.load(directory, backend))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining("model.layers.0.self_attn.q_norm.weight");
    }

    private static String qwen3WithoutNorms() {
        return TinyModel.config(true).replace("\"qwen2\"", "\"qwen3\", \"head_dim\": 6");
    }

    @Test
    void anAbsentHeadIsNamed() throws IOException {
        Files.writeString(directory.resolve("config.json"), TinyModel.config(false));
        assertThatThrownBy(() -> Decoder.load(directory, backend)).hasMessageContaining("lm_head.weight");
    }
}
