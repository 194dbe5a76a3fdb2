package dev.fenlei.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import dev.fenlei.engine.testing.TinyModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Gradients of a whole model against finite differences of its loss, and against themselves computed in other ways.
class DecoderGradientTest {

    /// The step of the finite differences: the error of the rule falls with its fourth power, that of single precision rises
    /// with its inverse.
    private static final float STEP = 0.02f;

    /// Elements looked at in each parameter, besides the first and the last.
    private static final int SAMPLE = 6;

    private final Backend backend = new CpuBackend(1);
    private final Workspace workspace = backend.newWorkspace();

    @TempDir
    Path directory;

    private Decoder decoder;
    private List<Parameter> parameters;

    @BeforeEach
    void open() throws IOException {
        open(TinyModel.config(true));
    }

    private void open(String config) throws IOException {
        decoder = Decoder.load(TinyModel.write(directory, config), backend);
        parameters = decoder.trainAll();
    }

    @AfterEach
    void close() {
        decoder.close();
        workspace.close();
        backend.close();
    }

    /// Sequences end to end, each row predicting the next token.
    private record Packed(Batch batch, int[] targets) {

        static Packed of(int[]... sequences) {
            int[] lengths = Arrays.stream(sequences).mapToInt(s -> s.length).toArray();
            int[] ids = Arrays.stream(sequences).flatMapToInt(Arrays::stream).toArray();
            int[] positions = Arrays.stream(lengths).flatMap(n -> IntStream.range(0, n)).toArray();
            List<Integer> rows = new ArrayList<>();
            int start = 0;
            for (int length : lengths) {
                IntStream.range(start, start + length - 1).forEach(rows::add);
                start += length;
            }
            int[] predicting = rows.stream().mapToInt(Integer::intValue).toArray();
            int[] targets = Arrays.stream(predicting).map(row -> ids[row + 1]).toArray();
            return new Packed(new Batch(ids, positions, AttentionMask.causal(0, lengths), predicting), targets);
        }
    }

    private static final int[] FIRST = {3, 17, 5, 5, 22, 0, 9};
    private static final int[] SECOND = {8, 1};
    private static final int[] THIRD = {14, 3, 20, 11};

    /// The loss; the gradients of the head are accumulated as well, so they are of no use afterwards.
    private double loss(Packed packed) {
        workspace.reset();
        Pass pass = new Pass(backend, workspace, true, 0);
        Decoder.Activations activations = decoder.forwardForTraining(pass, packed.batch(), false);
        return decoder.loss(pass, activations, packed.targets(), 1).sum();
    }

    /// Sets the gradients of all parameters and returns copies.
    private List<float[]> gradients(Packed packed, boolean checkpointing) {
        clear();
        accumulate(packed, checkpointing);
        return parameters.stream().map(p -> p.gradient().toArray()).toList();
    }

    private void clear() {
        parameters.forEach(p -> backend.fill(p.gradient(), 0));
    }

    private double accumulate(Packed packed, boolean checkpointing) {
        workspace.reset();
        Pass pass = new Pass(backend, workspace, true, 0);
        Decoder.Activations activations = decoder.forwardForTraining(pass, packed.batch(), checkpointing);
        Decoder.Loss loss = decoder.loss(pass, activations, packed.targets(), 1);
        decoder.backward(pass, activations, loss.gradient());
        return loss.sum();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void everyParametersGradientIsTheSlopeOfTheLoss(boolean tied) throws IOException {
        decoder.close();
        open(TinyModel.config(tied));
        // 3 norms and 7 matrices, 3 of them with biases, in 2 layers; the embedding, the last norm, perhaps the head.
        assertThat(parameters).hasSize(2 * 12 + (tied ? 2 : 3));
        checkSlopes();
    }

    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "llama", "mistral", "qwen2-window", "qwen2-yarn"})
    void everyFamilysGradientsAreSlopesOfTheLoss(String family) throws IOException {
        decoder.close();
        open(TinyModel.family(family));
        assertThat(parameters.stream().map(Parameter::name))
                .containsExactlyInAnyOrderElementsOf(decoder.weights().names());
        checkSlopes();
    }

    private void checkSlopes() {
        Packed packed = Packed.of(FIRST, SECOND, THIRD);
        List<float[]> gradients = gradients(packed, false);
        Random random = new Random(5);
        for (int i = 0; i < parameters.size(); i++) {
            Tensor value = parameters.get(i).value();
            float[] gradient = gradients.get(i);
            double rms = rms(gradient);
            assertThat(rms).as(parameters.get(i).name()).isPositive();
            IntStream sample = IntStream.concat(
                    IntStream.of(0, gradient.length - 1), random.ints(SAMPLE, 0, gradient.length));
            for (int element : sample.toArray()) {
                double slope = slope(packed, value, element / value.columns(), element % value.columns());
                assertThat(Math.abs(gradient[element] - slope))
                        .as("%s[%d]: %g, slope %g", parameters.get(i).name(), element, gradient[element], slope)
                        .isLessThan(2e-3 * Math.max(rms, Math.abs(slope)));
            }
        }
    }

    /// The central difference of fourth order.
    private double slope(Packed packed, Tensor value, int row, int column) {
        float old = value.get(row, column);
        double[] losses = new double[4];
        float[] offsets = {-2 * STEP, -STEP, STEP, 2 * STEP};
        for (int i = 0; i < offsets.length; i++) {
            value.set(row, column, old + offsets[i]);
            losses[i] = loss(packed);
        }
        value.set(row, column, old);
        return (losses[0] - 8 * losses[1] + 8 * losses[2] - losses[3]) / (12 * STEP);
    }

    @Test
    void checkpointingChangesNoBit() {
        Packed packed = Packed.of(FIRST, SECOND, THIRD);
        List<float[]> kept = gradients(packed, false);
        List<float[]> computedAgain = gradients(packed, true);
        for (int i = 0; i < kept.size(); i++) {
            assertThat(computedAgain.get(i)).as(parameters.get(i).name()).isEqualTo(kept.get(i));
        }
    }

    @Test
    void aPackedBatchIsTheSumOfItsSequences() {
        Packed packed = Packed.of(FIRST, SECOND, THIRD);
        double together = loss(packed);
        List<float[]> expected = gradients(packed, false);
        clear();
        double sum = 0;
        for (int[] sequence : List.of(FIRST, SECOND, THIRD)) {
            sum += accumulate(Packed.of(sequence), false);
        }
        assertThat(together).isCloseTo(sum, withinPercentage(1e-4));
        for (int i = 0; i < expected.size(); i++) {
            float[] actual = parameters.get(i).gradient().toArray();
            double scale = Math.max(1, rms(expected.get(i)));
            for (int element = 0; element < actual.length; element++) {
                float whole = expected.get(i)[element];
                assertThat((double) Math.abs(actual[element] - whole))
                        .as("%s[%d]", parameters.get(i).name(), element)
                        .isLessThan(1e-4 * Math.max(scale, Math.abs(whole)));
            }
        }
    }

    private static double rms(float[] values) {
        return Math.sqrt(IntStream.range(0, values.length)
                .mapToDouble(i -> (double) values[i] * values[i])
                .average()
                .orElse(0));
    }
}
