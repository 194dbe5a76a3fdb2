package dev.fenlei.engine.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/// What every backend must do, operation by operation, at awkward sizes against the reference. Attention has
/// [AttentionContract].
public abstract class BackendContract extends BackendFixture {

    /// The types that biases and weights of norms can have.
    private static final List<DType> VECTOR_TYPES = List.of(DType.F32, DType.F16, DType.BF16);

    private static final double TOLERANCE = 2e-6;

    @Test
    void allocatesZeros() {
        assertThat(read(subject.allocate(DType.F32, 3, 5))).containsOnly(0f).hasSize(15);
        assertThat(subject.allocate(DType.BF16, 0, 5).size()).isZero();
    }

    @Test
    void matmul() {
        int[][] shapes = {{1, 1, 1}, {3, 5, 2}, {7, 17, 33}, {16, 8, 15}, {31, 65, 7}, {33, 63, 129}, {5, 100, 16}};
        for (int[] s : shapes) {
            for (DType dtype : DType.values()) {
                for (int flags = 0; flags < 4; flags++) {
                    boolean ta = (flags & 1) != 0;
                    boolean tb = (flags & 2) != 0;
                    Pair a = ta ? normal(s[1], s[0]) : normal(s[0], s[1]);
                    Pair b = tb ? normal(dtype, s[2], s[1]) : normal(dtype, s[1], s[2]);
                    Pair fresh = output(s[0], s[2]);
                    Pair sum = normal(s[0], s[2]);
                    String what = "matmul " + Arrays.toString(s) + dtype + ta + tb;
                    subject.matmul(a.subject(), ta, b.subject(), tb, 0.5f, 0, fresh.subject());
                    reference.matmul(a.reference(), ta, b.reference(), tb, 0.5f, 0, fresh.reference());
                    assertSame(fresh, 1e-5, what);
                    subject.matmul(a.subject(), ta, b.subject(), tb, 1, 2, sum.subject());
                    reference.matmul(a.reference(), ta, b.reference(), tb, 1, 2, sum.reference());
                    assertSame(sum, 1e-5, what + " accumulated");
                }
            }
        }
    }

    @Test
    void matmulOfWeightsOnTheLeft() {
        for (DType dtype : DType.values()) {
            for (boolean transposed : new boolean[] {false, true}) {
                Pair a = transposed ? normal(dtype, 70, 33) : normal(dtype, 33, 70);
                Pair b = transposed ? normal(70, 5) : normal(5, 70);
                Pair c = output(33, 5);
                subject.matmul(a.subject(), transposed, b.subject(), !transposed, 1, 0, c.subject());
                reference.matmul(a.reference(), transposed, b.reference(), !transposed, 1, 0, c.reference());
                assertSame(c, 1e-5, "matmul, left " + dtype + transposed);
            }
        }
    }

    @Test
    void lowRankMatmul() {
        // Rows, columns, inner size, rank: around the blocks of the CPU, and inner sizes whose last block the update enters.
        int[][] shapes = {
            {1, 5, 3, 1}, {3, 17, 33, 4}, {9, 40, 16, 8}, {64, 65, 7, 3}, {70, 33, 65, 16}, {130, 19, 510, 5},
            {66, 70, 512, 8}, {12, 9, 1020, 20}
        };
        for (int[] s : shapes) {
            for (DType dtype : DType.values()) {
                for (boolean transposed : new boolean[] {false, true}) {
                    Pair a = normal(s[0], s[2]);
                    Pair u = normal(s[0], s[3]);
                    Pair b = transposed ? normal(dtype, s[1], s[2]) : normal(dtype, s[2], s[1]);
                    Pair v = transposed ? normal(s[1], s[3]) : normal(s[3], s[1]);
                    for (float beta : new float[] {0, 1}) {
                        Pair c = beta == 0 ? output(s[0], s[1]) : normal(s[0], s[1]);
                        subject.lowRankMatmul(
                                a.subject(), b.subject(), u.subject(), v.subject(), transposed, beta, c.subject());
                        reference.lowRankMatmul(
                                a.reference(), b.reference(), u.reference(), v.reference(), transposed, beta,
                                c.reference());
                        assertSame(c, 1e-5, "lowRankMatmul " + Arrays.toString(s) + dtype + transposed + beta);
                    }
                }
            }
        }
    }

    @Test
    void bias() {
        for (int n : SIZES) {
            for (DType dtype : VECTOR_TYPES) {
                Pair y = normal(n + 70, n);
                Pair bias = normal(dtype, 1, n);
                subject.addBias(y.subject(), bias.subject());
                reference.addBias(y.reference(), bias.reference());
                assertSame(y, TOLERANCE, "addBias " + n);
            }
            Pair dy = normal(n + 70, n);
            Pair dBias = normal(1, n);
            subject.biasBackward(dy.subject(), dBias.subject());
            reference.biasBackward(dy.reference(), dBias.reference());
            assertSame(dBias, 5e-6, "biasBackward " + n);
        }
    }

    @Test
    void columns() {
        for (int n : SIZES) {
            Pair x = normal(n + 70, n);
            Pair factors = normal(1, n);
            for (float beta : new float[] {0, 1}) {
                Pair y = beta == 0 ? output(n + 70, n) : normal(n + 70, n);
                subject.scaleColumns(x.subject(), factors.subject(), beta, y.subject());
                reference.scaleColumns(x.reference(), factors.reference(), beta, y.reference());
                assertSame(y, TOLERANCE, "scaleColumns " + n);
            }
            Pair dy = normal(n + 70, n);
            Pair dots = normal(1, n);
            subject.columnDots(dy.subject(), x.subject(), dots.subject());
            reference.columnDots(dy.reference(), x.reference(), dots.reference());
            assertSame(dots, 5e-6, "columnDots " + n);
            subject.scaleColumns(x.subject(), factors.subject(), 0, x.subject());
            reference.scaleColumns(x.reference(), factors.reference(), 0, x.reference());
            assertSame(x, TOLERANCE, "scaleColumns in place " + n);
        }
    }

    @Test
    void rmsNorm() {
        for (int n : SIZES) {
            for (DType dtype : VECTOR_TYPES) {
                int groups = 1 + n % 3;
                int rows = n % 7 == 0 ? 70 : 3;
                Pair x = normal(rows, groups * n);
                Pair weight = normal(dtype, 1, n);
                Pair y = output(rows, groups * n);
                Pair inverse = output(rows, groups);
                subject.rmsNorm(x.subject(), weight.subject(), 1e-6f, y.subject(), inverse.subject());
                reference.rmsNorm(x.reference(), weight.reference(), 1e-6f, y.reference(), inverse.reference());
                assertSame(y, TOLERANCE, "rmsNorm " + n);
                assertSame(inverse, TOLERANCE, "inverseRms " + n);

                Pair dy = normal(rows, groups * n);
                Pair dx = normal(rows, groups * n);
                Pair dWeight = normal(1, n);
                for (boolean train : new boolean[] {false, true}) {
                    subject.rmsNormBackward(dy.subject(), x.subject(), weight.subject(), inverse.subject(),
                            dx.subject(), train ? dWeight.subject() : null);
                    reference.rmsNormBackward(dy.reference(), x.reference(), weight.reference(),
                            inverse.reference(), dx.reference(), train ? dWeight.reference() : null);
                }
                assertSame(dx, 1e-5, "rmsNormBackward " + n);
                assertSame(dWeight, 1e-5, "rmsNormBackward, weight " + n);

                subject.rmsNorm(x.subject(), weight.subject(), 1e-6f, x.subject(), inverse.subject());
                assertSame(new Pair(x.subject(), y.reference()), TOLERANCE, "rmsNorm in place " + n);
            }
        }
    }

    @Test
    void rotary() {
        for (int d : new int[] {2, 6, 12, 16, 20, 32, 64, 66, 128}) {
            for (int heads : new int[] {1, 3}) {
                int rows = 67;
                Pair x = normal(rows, heads * d);
                float[] original = read(x.subject());
                Pair cos = normal(40, d / 2);
                Pair sin = normal(40, d / 2);
                for (int i = 0; i < 40; i++) {
                    for (int j = 0; j < d / 2; j++) {
                        double angle = i * Math.pow(10_000, -2.0 * j / d);
                        set(cos, i, j, (float) Math.cos(angle));
                        set(sin, i, j, (float) Math.sin(angle));
                    }
                }
                int[] positions = randomIds(rows, 40);
                subject.rotary(x.subject(), positions, cos.subject(), sin.subject(), d, false);
                reference.rotary(x.reference(), positions, cos.reference(), sin.reference(), d, false);
                assertSame(x, TOLERANCE, "rotary " + d);
                subject.rotary(x.subject(), positions, cos.subject(), sin.subject(), d, true);
                assertClose(read(x.subject()), original, TOLERANCE, "rotary back " + d);
            }
        }
    }

    @Test
    void swiGlu() {
        for (int n : SIZES) {
            Pair gate = normal(3, n);
            Pair up = normal(3, n);
            subject.scale(gate.subject(), 30);
            reference.scale(gate.reference(), 30);
            Pair out = output(3, n);
            subject.swiGlu(gate.subject(), up.subject(), out.subject());
            reference.swiGlu(gate.reference(), up.reference(), out.reference());
            assertSame(out, TOLERANCE, "swiGlu " + n);

            Pair dOut = normal(3, n);
            Pair dGate = output(3, n);
            Pair dUp = output(3, n);
            reference.swiGluBackward(
                    dOut.reference(), gate.reference(), up.reference(), dGate.reference(), dUp.reference());
            subject.swiGluBackward(dOut.subject(), gate.subject(), up.subject(), dGate.subject(), dUp.subject());
            assertSame(dGate, TOLERANCE, "swiGluBackward, gate " + n);
            assertSame(dUp, TOLERANCE, "swiGluBackward, up " + n);
            subject.swiGluBackward(dOut.subject(), gate.subject(), up.subject(), gate.subject(), up.subject());
            assertSame(new Pair(gate.subject(), dGate.reference()), TOLERANCE, "swiGluBackward in place, gate " + n);
            assertSame(new Pair(up.subject(), dUp.reference()), TOLERANCE, "swiGluBackward in place, up " + n);
        }
    }

    @Test
    void swiGluAtExtremes() {
        float[] gates = {0, -0f, 1e-30f, 88, -88, 90, -90, 1e4f, -1e4f, 87.33f, -87.33f, 20, -20, 0.5f, -0.5f, 1, -1};
        float[] ones = new float[gates.length];
        Arrays.fill(ones, 1);
        Pair gate = pair(DType.F32, 1, gates.length, gates);
        Pair up = pair(DType.F32, 1, gates.length, ones);
        Pair out = output(1, gates.length);
        subject.swiGlu(gate.subject(), up.subject(), out.subject());
        for (int i = 0; i < gates.length; i++) {
            double expected = ReferenceMath.swiGlu(gates[i], 1);
            assertThat((double) read(out.subject())[i]).isCloseTo(expected, within(1e-6 * Math.abs(expected) + 1e-33));
        }
    }

    @Test
    void gatherAndScatter() {
        for (int n : SIZES) {
            for (DType dtype : DType.values()) {
                Pair table = normal(dtype, 11, n);
                int[] ids = randomIds(37, 11);
                Pair out = output(37, n);
                subject.gatherRows(table.subject(), ids, out.subject());
                reference.gatherRows(table.reference(), ids, out.reference());
                assertSame(out, 0, "gatherRows " + n + dtype);
            }
            Pair rows = normal(37, n);
            Pair table = normal(11, n);
            int[] ids = randomIds(37, 11);
            subject.scatterAddRows(rows.subject(), ids, table.subject());
            reference.scatterAddRows(rows.reference(), ids, table.reference());
            assertSame(table, TOLERANCE, "scatterAddRows " + n);
        }
    }

    @Test
    void pick() {
        Pair x = normal(7, 33);
        int[] rows = randomIds(40, 7);
        int[] columns = randomIds(40, 33);
        assertThat(subject.pick(x.subject(), rows, columns)).isEqualTo(reference.pick(x.reference(), rows, columns));
        assertThat(subject.pick(x.subject(), new int[0], new int[0])).isEmpty();
        assertThatThrownBy(() -> subject.pick(x.subject(), new int[] {7}, new int[] {0}))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void crossEntropy() {
        for (int n : SIZES) {
            for (int extra : new int[] {0, 3}) {
                Pair logits = normal(5, n + extra);
                subject.scale(logits.subject(), 8);
                reference.scale(logits.reference(), 8);
                Pair losses = output(1, 5);
                int[] targets = randomIds(5, n);
                subject.crossEntropy(logits.subject(), targets, n, 0.25f, losses.subject());
                reference.crossEntropy(logits.reference(), targets, n, 0.25f, losses.reference());
                assertSame(losses, TOLERANCE, "losses " + n);
                assertSame(logits, TOLERANCE, "crossEntropy " + n);
            }
        }
        Pair large = normal(2, 9000);
        Pair losses = output(1, 2);
        subject.crossEntropy(large.subject(), new int[] {8999, 4096}, 9000, 1, losses.subject());
        reference.crossEntropy(large.reference(), new int[] {8999, 4096}, 9000, 1, losses.reference());
        assertSame(losses, TOLERANCE, "losses of a large vocabulary");
        assertSame(large, TOLERANCE, "crossEntropy of a large vocabulary");
    }

    @Test
    void crossEntropyIgnoresWhatLiesBehindTheClasses() {
        Pair logits = pair(DType.F32, 1, 4, new float[] {1000, -1000, Float.NaN, Float.POSITIVE_INFINITY});
        Pair losses = output(1, 1);
        subject.crossEntropy(logits.subject(), new int[] {1}, 2, 1, losses.subject());
        assertThat(read(losses.subject())).containsExactly(2000f);
        assertClose(read(logits.subject()), new float[] {1, -1, 0, 0}, 1e-6, "gradient");
    }

    @Test
    void logSoftmax() {
        for (int n : SIZES) {
            Pair logits = normal(4, n + 2);
            subject.logSoftmax(logits.subject(), n);
            reference.logSoftmax(logits.reference(), n);
            assertSame(logits, TOLERANCE, "logSoftmax " + n);
        }
    }

    @Test
    void addScaleFill() {
        for (int n : SIZES) {
            Pair x = normal(3, n);
            Pair y = normal(3, n);
            subject.add(x.subject(), -1.5f, y.subject());
            reference.add(x.reference(), -1.5f, y.reference());
            assertSame(y, TOLERANCE, "add " + n);
            subject.scale(y.subject(), 0.1f);
            reference.scale(y.reference(), 0.1f);
            assertSame(y, TOLERANCE, "scale " + n);
            for (float value : new float[] {3, 0, -0f, Float.NEGATIVE_INFINITY}) {
                subject.fill(y.subject(), value);
                reference.fill(y.reference(), value);
                assertSame(y, 0, "fill " + n);
            }
        }
    }

    @Test
    void fillLeavesGapsBetweenRowsAlone() {
        Tensor whole = subject.allocate(DType.F32, 3, 8);
        subject.fill(whole, 5);
        subject.fill(whole.columns(2, 5), 0);
        assertThat(read(whole)).containsOnly(0, 5)
                .satisfies(values -> assertThat(dot(values, values)).isEqualTo(15 * 25));
    }

    @Test
    void copyConverts() {
        for (int n : SIZES) {
            for (DType from : DType.values()) {
                for (DType to : DType.values()) {
                    Pair source = normal(from, 3, n);
                    float[] nans = new float[3 * n];
                    Arrays.fill(nans, Float.NaN);
                    Pair target = pair(to, 3, n, nans);
                    subject.copy(source.subject(), target.subject());
                    reference.copy(source.reference(), target.reference());
                    assertSame(target, 0, "copy " + from + " to " + to);
                }
            }
        }
    }

    @Test
    void dropout() {
        for (int n : SIZES) {
            for (float p : new float[] {0, 0.1f, 0.5f, 0.999f}) {
                for (boolean accumulate : new boolean[] {false, true}) {
                    Pair x = normal(5, n);
                    Pair out = accumulate ? normal(5, n) : output(5, n);
                    long key = random.nextLong();
                    subject.dropout(x.subject(), p, key, accumulate, out.subject());
                    reference.dropout(x.reference(), p, key, accumulate, out.reference());
                    assertSame(out, TOLERANCE, "dropout " + n + " " + p);
                    if (!accumulate) {
                        subject.dropout(x.subject(), p, key, false, x.subject());
                        assertSame(new Pair(x.subject(), out.reference()), TOLERANCE, "dropout in place " + n);
                    }
                }
            }
        }
        Pair large = normal(101, 103);
        subject.dropout(large.subject(), 0.3f, 5, false, large.subject());
        reference.dropout(large.reference(), 0.3f, 5, false, large.reference());
        assertSame(large, TOLERANCE, "dropout of many elements");
        long kept = 0;
        for (float value : read(large.subject())) {
            kept += value == 0 ? 0 : 1;
        }
        assertThat(kept / (101.0 * 103)).isCloseTo(0.7, within(0.02));
    }

    @Test
    void sumOfSquares() {
        for (int n : SIZES) {
            Pair x = normal(n, 129);
            assertThat(subject.sumOfSquares(x.subject()))
                    .isCloseTo(reference.sumOfSquares(x.reference()), within(1e-12 * n * 129));
        }
    }

    @Test
    void adamW() {
        for (int n : SIZES) {
            Pair p = normal(3, n);
            Pair m = pair(DType.F32, 3, n, new float[3 * n]);
            Pair v = pair(DType.F32, 3, n, new float[3 * n]);
            for (int t = 1; t <= 4; t++) {
                Pair g = normal(3, n);
                Backend.AdamWStep step = new Backend.AdamWStep(1e-2, 0.9, 0.999, 1e-8, t % 2 * 0.1, t);
                subject.adamW(p.subject(), g.subject(), m.subject(), v.subject(), step, 0.7f);
                reference.adamW(p.reference(), g.reference(), m.reference(), v.reference(), step, 0.7f);
            }
            assertSame(p, TOLERANCE, "adamW " + n);
            assertSame(m, TOLERANCE, "adamW, m " + n);
            assertSame(v, TOLERANCE, "adamW, v " + n);
        }
    }

    @Test
    void refusesWhatDoesNotFit() {
        Tensor a = subject.allocate(DType.F32, 2, 3);
        Tensor b = subject.allocate(DType.F32, 3, 2);
        Tensor half = subject.allocate(DType.F16, 2, 3);
        assertThatThrownBy(() -> subject.add(a, 1, b)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> subject.scale(half, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> subject.matmul(a, false, a, false, 1, 0, b))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> subject.lowRankMatmul(b, a, a, a, false, 0, a))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> subject.gatherRows(a, new int[] {0, 2}, a))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("ids[1] is 2");
        assertThatThrownBy(() -> subject.dropout(a, 1, 0, false, a)).isInstanceOf(IllegalArgumentException.class);
    }

    private void set(Pair pair, int row, int column, float value) {
        write(pair.subject().row(row).columns(column, column + 1), new float[] {value});
        pair.reference().set(row, column, value);
    }
}
