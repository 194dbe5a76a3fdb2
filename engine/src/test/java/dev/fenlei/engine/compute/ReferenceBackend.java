package dev.fenlei.engine.compute;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Every operation by its definition, in float64, one element after the other. Results are rounded once, when stored.
public final class ReferenceBackend implements Backend {

    private final Arena arena = Arena.ofShared();

    @Override
    public String name() {
        return "reference";
    }

    @Override
    public Tensor allocate(DType dtype, int rows, int columns) {
        MemorySegment memory = arena.allocate(Math.max(1, (long) rows * columns * dtype.bytes()), 64);
        return dtype == DType.I8
                ? Tensor.int8(memory, rows, columns, allocate(DType.F32, rows, 1))
                : Tensor.of(memory, dtype, rows, columns);
    }

    @Override
    public Workspace newWorkspace() {
        return new Workspace();
    }

    @Override
    public void matmul(Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c) {
        double[][] left = transposeA ? ReferenceMath.transpose(values(a), a.columns()) : values(a);
        double[][] right = transposeB ? ReferenceMath.transpose(values(b), b.columns()) : values(b);
        double[][] product = ReferenceMath.matmul(left, right);
        double[][] old = values(c);
        for (int i = 0; i < c.rows(); i++) {
            for (int j = 0; j < c.columns(); j++) {
                product[i][j] = alpha * product[i][j] + (beta == 0 ? 0 : beta * old[i][j]);
            }
        }
        store(product, c);
    }

    @Override
    public void lowRankMatmul(Tensor a, Tensor b, Tensor u, Tensor v, boolean transposeB, float beta, Tensor c) {
        double[][] product = ReferenceMath.matmul(
                values(a), transposeB ? ReferenceMath.transpose(values(b), b.columns()) : values(b));
        double[][] update = ReferenceMath.matmul(
                values(u), transposeB ? ReferenceMath.transpose(values(v), v.columns()) : values(v));
        double[][] old = values(c);
        for (int i = 0; i < c.rows(); i++) {
            for (int j = 0; j < c.columns(); j++) {
                product[i][j] += update[i][j] + (beta == 0 ? 0 : beta * old[i][j]);
            }
        }
        store(product, c);
    }

    @Override
    public void addBias(Tensor y, Tensor bias) {
        double[] b = values(bias)[0];
        double[][] sum = values(y);
        for (double[] row : sum) {
            for (int i = 0; i < b.length; i++) {
                row[i] += b[i];
            }
        }
        store(sum, y);
    }

    @Override
    public void biasBackward(Tensor dy, Tensor dBias) {
        double[][] sum = values(dBias);
        for (double[] row : values(dy)) {
            for (int i = 0; i < row.length; i++) {
                sum[0][i] += row[i];
            }
        }
        store(sum, dBias);
    }

    @Override
    public void scaleColumns(Tensor x, Tensor factors, float beta, Tensor y) {
        double[] f = values(factors)[0];
        double[][] result = values(x);
        double[][] old = values(y);
        for (int r = 0; r < result.length; r++) {
            for (int c = 0; c < f.length; c++) {
                result[r][c] = result[r][c] * f[c] + (beta == 0 ? 0 : beta * old[r][c]);
            }
        }
        store(result, y);
    }

    @Override
    public void columnDots(Tensor a, Tensor b, Tensor dots) {
        double[][] sum = values(dots);
        double[][] left = values(a);
        double[][] right = values(b);
        for (int r = 0; r < left.length; r++) {
            for (int c = 0; c < left[r].length; c++) {
                sum[0][c] += left[r][c] * right[r][c];
            }
        }
        store(sum, dots);
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor inverseRms) {
        double[][] inverse = ReferenceMath.inverseRms(values(x), weight.columns(), eps);
        store(ReferenceMath.rmsNorm(values(x), values(weight)[0], inverse), y);
        store(inverse, inverseRms);
    }

    @Override
    public void rmsNormBackward(
            Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor dx, @Nullable Tensor dWeight) {
        double[][] dxs = values(dx);
        double[][] dws = dWeight == null ? ReferenceMath.zeros(1, weight.columns()) : values(dWeight);
        ReferenceMath.rmsNormBackward(values(dy), values(x), values(weight)[0], values(inverseRms), dxs, dws[0]);
        store(dxs, dx);
        if (dWeight != null) {
            store(dws, dWeight);
        }
    }

    @Override
    public void rotary(Tensor x, int[] positions, Tensor cos, Tensor sin, int headDim, boolean inverse) {
        double[][] rotated = values(x);
        ReferenceMath.rotary(rotated, positions, values(cos), values(sin), headDim, inverse);
        store(rotated, x);
    }

    @Override
    public void attention(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Tensor prefixKeys,
            @Nullable Tensor prefixValues,
            AttentionMask mask,
            int headDim,
            Tensor out,
            Tensor logSumExp) {
        double[][] none = ReferenceMath.zeros(0, 0);
        double[][] result = ReferenceMath.zeros(mask.rows(), out.columns());
        double[][] sums = ReferenceMath.zeros(mask.rows(), logSumExp.columns());
        ReferenceMath.attention(
                spread(values(q), mask), values(k), values(v), prefixKeys == null ? none : values(prefixKeys),
                prefixValues == null ? none : values(prefixValues), mask, headDim, result, sums);
        store(queries(result, mask), out);
        store(queries(sums, mask), logSumExp);
    }

    /// Queries at their rows; other rows ask with zeros, which nobody looks at.
    private static double[][] spread(double[][] queries, AttentionMask mask) {
        double[][] all = ReferenceMath.zeros(mask.rows(), queries.length == 0 ? 0 : queries[0].length);
        for (int i = 0; i < queries.length; i++) {
            all[mask.queryRow(i)] = queries[i];
        }
        return all;
    }

    private static double[][] queries(double[][] all, AttentionMask mask) {
        return IntStream.range(0, mask.queryCount()).mapToObj(i -> all[mask.queryRow(i)]).toArray(double[][]::new);
    }

    @Override
    public void attentionBackward(
            Tensor dOut,
            Tensor q,
            Tensor k,
            Tensor v,
            Tensor out,
            Tensor logSumExp,
            AttentionMask mask,
            int headDim,
            Tensor dq,
            Tensor dk,
            Tensor dv) {
        double[][] dqs = ReferenceMath.zeros(mask.rows(), q.columns());
        double[][] dks = ReferenceMath.zeros(k.rows(), k.columns());
        double[][] dvs = ReferenceMath.zeros(v.rows(), v.columns());
        ReferenceMath.attentionBackward(
                spread(values(dOut), mask), spread(values(q), mask), values(k), values(v), mask, headDim, dqs, dks,
                dvs);
        store(queries(dqs, mask), dq);
        store(dks, dk);
        store(dvs, dv);
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor out) {
        store(zip(values(gate), values(up), ReferenceMath::swiGlu), out);
    }

    @Override
    public void swiGluBackward(Tensor dOut, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        double[][] d = values(dOut);
        double[][] g = values(gate);
        double[][] byGate = zip(g, values(up), ReferenceMath::swiGluGate);
        double[][] byUp = zip(g, g, (x, _) -> ReferenceMath.swiGluUp(x));
        store(zip(d, byGate, (a, b) -> a * b), dGate);
        store(zip(d, byUp, (a, b) -> a * b), dUp);
    }

    @Override
    public void gatherRows(Tensor table, int[] ids, Tensor out) {
        double[][] all = values(table);
        store(Arrays.stream(ids).mapToObj(id -> all[id]).toArray(double[][]::new), out);
    }

    @Override
    public void scatterAddRows(Tensor rows, int[] ids, Tensor table) {
        double[][] added = values(rows);
        double[][] sums = values(table);
        for (int i = 0; i < ids.length; i++) {
            for (int j = 0; j < table.columns(); j++) {
                sums[ids[i]][j] += added[i][j];
            }
        }
        store(sums, table);
    }

    @Override
    public float[] pick(Tensor x, int[] rows, int[] columns) {
        float[] elements = new float[rows.length];
        for (int i = 0; i < rows.length; i++) {
            elements[i] = x.get(rows[i], columns[i]);
        }
        return elements;
    }

    @Override
    public void crossEntropy(Tensor logits, int[] targets, int classes, float scale, Tensor losses) {
        double[][] x = values(logits);
        for (int i = 0; i < x.length; i++) {
            losses.set(0, i, (float) ReferenceMath.crossEntropy(x[i], targets[i], classes, scale));
        }
        store(x, logits);
    }

    @Override
    public void logSoftmax(Tensor logits, int classes) {
        double[][] x = values(logits);
        for (double[] row : x) {
            double logSum = ReferenceMath.logSumExp(row, classes);
            for (int i = 0; i < row.length; i++) {
                row[i] = i < classes ? row[i] - logSum : Double.NEGATIVE_INFINITY;
            }
        }
        store(x, logits);
    }

    @Override
    public void add(Tensor x, float alpha, Tensor y) {
        store(zip(values(x), values(y), (a, b) -> alpha * a + b), y);
    }

    @Override
    public void scale(Tensor x, float factor) {
        store(zip(values(x), values(x), (a, _) -> a * factor), x);
    }

    @Override
    public void fill(Tensor x, float value) {
        store(zip(values(x), values(x), (_, _) -> value), x);
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        store(values(from), to);
    }

    @Override
    public void dropout(Tensor x, float p, long key, boolean accumulate, Tensor out) {
        double[][] from = values(x);
        double[][] to = values(out);
        int[] words = new int[4];
        for (int r = 0; r < x.rows(); r++) {
            for (int c = 0; c < x.columns(); c++) {
                long i = (long) r * x.columns() + c;
                double kept = Philox.half(key, i, words) * 0x1p-16 >= p ? from[r][c] / (1 - (double) p) : 0;
                to[r][c] = kept + (accumulate ? to[r][c] : 0);
            }
        }
        store(to, out);
    }

    @Override
    public double sumOfSquares(Tensor x) {
        return Arrays.stream(values(x)).flatMapToDouble(Arrays::stream).map(a -> a * a).sum();
    }

    @Override
    public void adamW(Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamWStep step, float gradientScale) {
        double[][] ps = values(parameter);
        double[][] gs = values(gradient);
        double[][] ms = values(m);
        double[][] vs = values(v);
        double correction1 = 1 - Math.pow(step.beta1(), step.step());
        double correction2 = 1 - Math.pow(step.beta2(), step.step());
        for (int r = 0; r < ps.length; r++) {
            for (int c = 0; c < ps[r].length; c++) {
                double g = gradientScale * gs[r][c];
                ps[r][c] *= 1 - step.learningRate() * step.weightDecay();
                ms[r][c] = step.beta1() * ms[r][c] + (1 - step.beta1()) * g;
                vs[r][c] = step.beta2() * vs[r][c] + (1 - step.beta2()) * g * g;
                double denominator = Math.sqrt(vs[r][c]) / Math.sqrt(correction2) + step.epsilon();
                ps[r][c] -= step.learningRate() / correction1 * ms[r][c] / denominator;
            }
        }
        store(ps, parameter);
        store(ms, m);
        store(vs, v);
    }

    @Override
    public void close() {
        arena.close();
    }

    static double[][] values(Tensor tensor) {
        double[][] values = new double[tensor.rows()][tensor.columns()];
        for (int r = 0; r < tensor.rows(); r++) {
            for (int c = 0; c < tensor.columns(); c++) {
                values[r][c] = tensor.get(r, c);
            }
        }
        return values;
    }

    static void store(double[][] values, Tensor tensor) {
        for (int r = 0; r < tensor.rows(); r++) {
            if (tensor.scales() != null) {
                double largest = Arrays.stream(values[r]).map(Math::abs).max().orElse(0);
                tensor.scales().set(r, 0, (float) largest / 127);
            }
            for (int c = 0; c < tensor.columns(); c++) {
                tensor.set(r, c, (float) values[r][c]);
            }
        }
    }

    private static double[][] zip(double[][] a, double[][] b, DoubleBinaryOperator operator) {
        double[][] result = new double[a.length][];
        for (int r = 0; r < a.length; r++) {
            result[r] = new double[a[r].length];
            for (int c = 0; c < a[r].length; c++) {
                result[r][c] = operator.applyAsDouble(a[r][c], b[r][c]);
            }
        }
        return result;
    }
}
