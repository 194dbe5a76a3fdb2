package dev.fenlei.engine.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.engine.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GeneratorTest {

    private static final int[] PROMPT = {4, 9, 21};

    private final Backend backend = new CpuBackend(1);

    @TempDir
    Path directory;

    private Decoder decoder;

    @BeforeEach
    void open() throws IOException {
        decoder = Decoder.load(TinyModel.write(directory, false), backend);
    }

    @AfterEach
    void close() {
        decoder.close();
        backend.close();
    }

    private int[] generate(Generation settings) {
        return Generator.generate(decoder, PROMPT, settings, id -> true);
    }

    private static Generation greedy(int maxNewTokens, Integer... endTokens) {
        return Generation.greedy(maxNewTokens, Set.of(endTokens), TinyModel.VOCABULARY);
    }

    /// The cache must not change the choice.
    @Test
    void greedyTextIsThatOfWholePasses() {
        int[] ids = PROMPT;
        try (Workspace workspace = backend.newWorkspace()) {
            for (int i = 0; i < 12; i++) {
                workspace.reset();
                Pass pass = Pass.inference(backend, workspace);
                Tensor hidden = decoder.forward(pass, Batch.sequence(0, ids), null);
                float[] logits = decoder.logits(pass, hidden, ids.length - 1).toArray();
                int best = 0;
                for (int id = 1; id < logits.length; id++) {
                    best = logits[id] > logits[best] ? id : best;
                }
                ids = Arrays.copyOf(ids, ids.length + 1);
                ids[ids.length - 1] = best;
            }
        }
        assertThat(generate(greedy(12))).isEqualTo(Arrays.copyOfRange(ids, PROMPT.length, ids.length));
    }

    @Test
    void anEndTokenEndsTheTextAndIsPartOfIt() {
        int[] text = generate(greedy(12));
        int end = text[3];
        int first = Arrays.stream(text).boxed().toList().indexOf(end);
        assertThat(generate(greedy(12, end))).isEqualTo(Arrays.copyOf(text, first + 1));
    }

    @Test
    void aPromptMayBeReadInParts() {
        int[] whole = generate(greedy(12));
        for (int rows = 1; rows < PROMPT.length; rows++) {
            List<Integer> read = new ArrayList<>();
            assertThat(Generator.generate(decoder, PROMPT, greedy(12), rows, read::add, id -> true)).isEqualTo(whole);
            assertThat(read.stream().mapToInt(Integer::intValue).sum()).isEqualTo(PROMPT.length);
            assertThat(read).hasSize(Math.ceilDiv(PROMPT.length, rows));
        }
        assertThat(Generator.generate(decoder, PROMPT, greedy(12), 1, count -> false, id -> true)).isEmpty();
    }

    @Test
    void theListenerHearsEveryTokenAndMayStop() {
        List<Integer> heard = new ArrayList<>();
        int[] text = Generator.generate(decoder, PROMPT, greedy(12), id -> {
            heard.add(id);
            return heard.size() < 5;
        });
        assertThat(text).hasSize(5);
        assertThat(heard).containsExactlyElementsOf(Arrays.stream(text).boxed().toList());
    }

    @Test
    void theTextEndsWhereTheModelsPositionsEnd() {
        assertThat(generate(greedy(1000))).hasSize(TinyModel.POSITIONS - PROMPT.length);
        int[] full = new int[TinyModel.POSITIONS];
        assertThat(Generator.generate(decoder, full, greedy(5), id -> true)).isEmpty();
        assertThat(generate(greedy(0))).isEmpty();
    }

    @Test
    void tokensBeyondTheVocabularyAreNeverProduced() {
        for (int seed = 0; seed < 5; seed++) {
            Generation settings = new Generation(20, 3, 0, 1, 1, Set.of(), 6, seed);
            assertThat(Arrays.stream(generate(settings))).hasSize(20).allMatch(id -> id >= 0 && id < 6);
        }
    }

    @Test
    void aSeedReproducesTheText() {
        Generation settings = new Generation(20, 1.5, 10, 0.9, 1.1, Set.of(), TinyModel.VOCABULARY, 8);
        assertThat(generate(settings)).isEqualTo(generate(settings));
        Generation other = new Generation(20, 1.5, 10, 0.9, 1.1, Set.of(), TinyModel.VOCABULARY, 9);
        assertThat(generate(other)).isNotEqualTo(generate(settings));
    }

    @Test
    void anEmptyPromptIsRefused() {
        assertThatThrownBy(() -> Generator.generate(decoder, new int[0], greedy(1), id -> true))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("empty");
    }
}
