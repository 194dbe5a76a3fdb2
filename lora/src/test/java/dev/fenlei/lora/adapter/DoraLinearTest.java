package dev.fenlei.lora.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Linear;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// DoRA against its definition in float64; the gradients against finite differences with the norm held, as PEFT holds it.
class DoraLinearTest extends AdapterFixture {

    private static final int ROWS = 7;
    private static final int RANK = 3;
    private static final double SCALING = 1.7;

    private Linear linear;
    private DoraLinear dora;

    @BeforeEach
    void make() {
        make(0);
    }

    private void make(double dropout) {
        linear = decoder.linears().getFirst();
        LoraLinear update = LoraLinear.create(backend, linear, RANK, SCALING, InputDropout.NONE);
        dora = new DoraLinear(backend, update, new InputDropout((float) dropout, 3));
        dora.initialize(backend, 1);
        long key = 7;
        for (AdapterTensor tensor : dora.tensors()) {
            add(tensor.parameter().value(), key++, 0.3);
        }
    }

    private static void add(Tensor to, long key, double deviation) {
        float[] noise = new float[Math.toIntExact(to.size())];
        Philox.normal(key, deviation, noise);
        float[] values = to.toArray();
        for (int i = 0; i < values.length; i++) {
            values[i] += noise[i];
        }
        to.copyFrom(values);
    }

    private Tensor random(int rows, int columns, long key) {
        Tensor tensor = workspace.take(rows, columns);
        backend.fill(tensor, 0);
        add(tensor, key, 1);
        return tensor;
    }

    /// Everything that the output depends on, in float64. The norm is an argument of its own.
    private record Inputs(double[][] w, double[][] a, double[][] b, double[] m, double[][] x, double[][] dropped) {

        double[][] adapted() {
            double[][] sum = new double[w.length][w[0].length];
            for (int i = 0; i < w.length; i++) {
                for (int j = 0; j < w[0].length; j++) {
                    sum[i][j] = w[i][j];
                    for (int k = 0; k < a.length; k++) {
                        sum[i][j] += SCALING * b[i][k] * a[k][j];
                    }
                }
            }
            return sum;
        }

        double[] norms() {
            return Arrays.stream(adapted())
                    .mapToDouble(row -> Math.sqrt(Arrays.stream(row).map(v -> v * v).sum()))
                    .toArray();
        }

        /// `base(x) + (m/n − 1) ∘ (x'·Wᵀ) + m/n ∘ (s·B·A·x')`, PEFT's own words.
        double output(double[] norms, int row, int i) {
            double plain = 0;
            double frozen = 0;
            double whole = 0;
            double[] v = adapted()[i];
            for (int j = 0; j < v.length; j++) {
                plain += x[row][j] * w[i][j];
                frozen += dropped[row][j] * w[i][j];
                whole += dropped[row][j] * v[j];
            }
            double c = m[i] / norms[i];
            return plain + (c - 1) * frozen + c * (whole - frozen);
        }

        double objective(double[] norms, double[][] dy) {
            double sum = 0;
            for (int row = 0; row < dy.length; row++) {
                for (int i = 0; i < dy[0].length; i++) {
                    sum += dy[row][i] * output(norms, row, i);
                }
            }
            return sum;
        }
    }

    private static double[][] doubles(Tensor tensor) {
        double[][] values = new double[tensor.rows()][tensor.columns()];
        for (int r = 0; r < values.length; r++) {
            for (int c = 0; c < values[r].length; c++) {
                values[r][c] = tensor.get(r, c);
            }
        }
        return values;
    }

    private Inputs inputs(Tensor x, Tensor dropped) {
        List<AdapterTensor> tensors = dora.tensors();
        return new Inputs(
                doubles(linear.weight()), doubles(tensors.get(0).parameter().value()),
                doubles(tensors.get(1).parameter().value()), doubles(tensors.get(2).parameter().value())[0], doubles(x),
                doubles(dropped));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.4})
    void outputAndGradientsAreThoseOfTheDefinition(double dropout) {
        make(dropout);
        Pass pass = new Pass(backend, workspace, true, 11);
        Tensor x = random(ROWS, linear.inputSize(), 20);
        Tensor dropped = new InputDropout((float) dropout, 3).apply(pass, x);
        Inputs inputs = inputs(x, dropped);
        double[] norms = inputs.norms();
        for (float beta : new float[] {0, 1}) {
            Tensor y = random(ROWS, linear.outputSize(), 21);
            double[][] before = doubles(y);
            Tensor saved = dora.forward(pass, linear.weight(), x, beta, y);
            for (int row = 0; row < ROWS; row++) {
                for (int i = 0; i < y.columns(); i++) {
                    double expected = inputs.output(norms, row, i) + beta * before[row][i];
                    assertThat((double) y.get(row, i)).isCloseTo(expected, within(1e-5));
                }
            }
            Tensor dy = random(ROWS, linear.outputSize(), 22);
            Tensor dx = random(ROWS, linear.inputSize(), 23);
            double[][] dxBefore = doubles(dx);
            dora.tensors().forEach(tensor -> backend.fill(tensor.parameter().gradient(), 0));
            dora.backward(pass, linear.weight(), dy, x, saved, beta, dx);
            double[][] d = doubles(dy);
            checkGradient(dora.tensors().get(0).parameter(), inputs.a(), inputs, norms, d);
            checkGradient(dora.tensors().get(1).parameter(), inputs.b(), inputs, norms, d);
            checkGradient(dora.tensors().get(2).parameter(), new double[][] {inputs.m()}, inputs, norms, d);
            checkInput(dx, dxBefore, beta, inputs, norms, d, dropout);
        }
    }

    private static void checkGradient(
            Parameter parameter, double[][] values, Inputs inputs, double[] norms, double[][] dy) {
        for (int r = 0; r < values.length; r++) {
            for (int c = 0; c < values[r].length; c++) {
                double expected = slope(values, r, c, () -> inputs.objective(norms, dy));
                assertThat((double) parameter.gradient().get(r, c))
                        .as("%s [%d, %d]", parameter.name(), r, c)
                        .isCloseTo(expected, within(2e-5 * Math.max(1, Math.abs(expected))));
            }
        }
    }

    /// An element of the input moves its dropped self by the factor of its mask.
    private static void checkInput(
            Tensor dx, double[][] before, float beta, Inputs inputs, double[] norms, double[][] dy, double dropout) {
        for (int r = 0; r < dx.rows(); r++) {
            for (int c = 0; c < dx.columns(); c++) {
                double mask = inputs.dropped()[r][c] == 0 ? 0 : 1 / (1 - dropout);
                double expected = slope(inputs.x(), r, c, () -> inputs.objective(norms, dy))
                        + mask * slope(inputs.dropped(), r, c, () -> inputs.objective(norms, dy))
                        + beta * before[r][c];
                assertThat((double) dx.get(r, c)).isCloseTo(expected, within(2e-5 * Math.max(1, Math.abs(expected))));
            }
        }
    }

    private static double slope(double[][] values, int r, int c, DoubleSupplier objective) {
        double old = values[r][c];
        values[r][c] = old + 1e-4;
        double up = objective.getAsDouble();
        values[r][c] = old - 1e-4;
        double down = objective.getAsDouble();
        values[r][c] = old;
        return (up - down) / 2e-4;
    }

    @Test
    void mergedWeightsAreThoseOfTheDefinition() {
        make(0.5);
        Tensor merged = workspace.take(linear.outputSize(), linear.inputSize());
        backend.copy(linear.weight(), merged);
        dora.merge(backend, merged);
        Tensor x = random(1, linear.inputSize(), 20);
        Inputs inputs = inputs(x, x);
        double[] norms = inputs.norms();
        double[][] adapted = inputs.adapted();
        for (int i = 0; i < merged.rows(); i++) {
            for (int j = 0; j < merged.columns(); j++) {
                assertThat((double) merged.get(i, j))
                        .isCloseTo(inputs.m()[i] / norms[i] * adapted[i][j], within(1e-6));
            }
        }
    }

    @Test
    void aPassBehindATrainingPassSeesWhatWasLearnt() {
        Tensor x = random(ROWS, linear.inputSize(), 20);
        Tensor y = workspace.take(ROWS, linear.outputSize());
        dora.forward(Pass.inference(backend, workspace), linear.weight(), x, 0, y);
        float[] first = y.toArray();
        dora.forward(new Pass(backend, workspace, true, 1), linear.weight(), x, 0, y);
        add(dora.tensors().get(1).parameter().value(), 99, 0.2);
        dora.forward(Pass.inference(backend, workspace), linear.weight(), x, 0, y);
        assertThat(y.toArray()).isNotEqualTo(first);
        Inputs inputs = inputs(x, x);
        assertThat((double) y.get(2, 3)).isCloseTo(inputs.output(inputs.norms(), 2, 3), within(1e-5));
    }
}
