package dev.fenlei.engine.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/// The gradients that define the contract are those of the forward forms: central differences in float64.
class ReferenceMathTest {

    private static final double H = 1e-5;

    private final Random random = new Random(3);

    private double[][] normal(int rows, int columns) {
        double[][] values = new double[rows][columns];
        for (double[] row : values) {
            for (int i = 0; i < columns; i++) {
                row[i] = random.nextGaussian();
            }
        }
        return values;
    }

    private static double inner(double[][] a, double[][] b) {
        double sum = 0;
        for (int r = 0; r < a.length; r++) {
            for (int c = 0; c < a[r].length; c++) {
                sum += a[r][c] * b[r][c];
            }
        }
        return sum;
    }

    /// Moves each element of `x` a little and compares the change of `objective` with `gradient`.
    private static void check(double[][] x, double[][] gradient, Supplier<Double> objective) {
        for (int r = 0; r < x.length; r++) {
            for (int c = 0; c < x[r].length; c++) {
                double saved = x[r][c];
                x[r][c] = saved + H;
                double above = objective.get();
                x[r][c] = saved - H;
                double below = objective.get();
                x[r][c] = saved;
                assertThat(gradient[r][c]).as("%d, %d", r, c).isCloseTo((above - below) / (2 * H), within(1e-7));
            }
        }
    }

    @Test
    void rmsNorm() {
        double[][] x = normal(3, 10);
        double[][] weight = normal(1, 5);
        double[][] dy = normal(3, 10);
        double[][] dx = new double[3][10];
        double[][] dWeight = new double[1][5];
        ReferenceMath.rmsNormBackward(dy, x, weight[0], ReferenceMath.inverseRms(x, 5, 1e-3), dx, dWeight[0]);
        Supplier<Double> objective = () -> inner(dy,
                ReferenceMath.rmsNorm(x, weight[0], ReferenceMath.inverseRms(x, 5, 1e-3)));
        check(x, dx, objective);
        check(weight, dWeight, objective);
    }

    @Test
    void attention() {
        AttentionMask mask = AttentionMask.causal(0, 3, 4);
        double[][] q = normal(7, 12);
        double[][] k = normal(7, 6);
        double[][] v = normal(7, 6);
        double[][] dOut = normal(7, 12);
        double[][] dq = new double[7][12];
        double[][] dk = new double[7][6];
        double[][] dv = new double[7][6];
        ReferenceMath.attentionBackward(dOut, q, k, v, mask, 3, dq, dk, dv);
        double[][] none = new double[0][0];
        Supplier<Double> objective = () -> {
            double[][] out = new double[7][12];
            ReferenceMath.attention(q, k, v, none, none, mask, 3, out, new double[7][4]);
            return inner(dOut, out);
        };
        check(q, dq, objective);
        check(k, dk, objective);
        check(v, dv, objective);
    }

    @Test
    void swiGlu() {
        double[][] gate = normal(1, 9);
        double[][] up = normal(1, 9);
        double[][] dGate = new double[1][9];
        double[][] dUp = new double[1][9];
        for (int i = 0; i < 9; i++) {
            dGate[0][i] = ReferenceMath.swiGluGate(gate[0][i], up[0][i]);
            dUp[0][i] = ReferenceMath.swiGluUp(gate[0][i]);
        }
        Supplier<Double> objective = () -> {
            double sum = 0;
            for (int i = 0; i < 9; i++) {
                sum += ReferenceMath.swiGlu(gate[0][i], up[0][i]);
            }
            return sum;
        };
        check(gate, dGate, objective);
        check(up, dUp, objective);
    }

    @Test
    void crossEntropy() {
        double[][] logits = normal(1, 8);
        double[][] gradient = {logits[0].clone()};
        ReferenceMath.crossEntropy(gradient[0], 2, 6, 0.5);
        check(logits, gradient, () -> 0.5 * ReferenceMath.crossEntropy(logits[0].clone(), 2, 6, 1));
    }

    @Test
    void rotationByTheInverseIsTheAdjoint() {
        double[][] cos = {{0.6, 0.28}};
        double[][] sin = {{0.8, 0.96}};
        double[][] x = normal(1, 8);
        double[][] y = normal(1, 8);
        double[][] rotated = {x[0].clone()};
        double[][] back = {y[0].clone()};
        ReferenceMath.rotary(rotated, new int[1], cos, sin, 4, false);
        ReferenceMath.rotary(back, new int[1], cos, sin, 4, true);
        assertThat(inner(rotated, y)).isCloseTo(inner(x, back), within(1e-12));
    }
}
