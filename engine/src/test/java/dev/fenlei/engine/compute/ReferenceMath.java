package dev.fenlei.engine.compute;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/// What the operations mean, in float64 on arrays of rows, written for the reader and not for speed.
final class ReferenceMath {

    private ReferenceMath() {}

    static double[][] zeros(int rows, int columns) {
        return new double[rows][columns];
    }

    static double[][] matmul(double[][] a, double[][] b) {
        int columns = b.length == 0 ? 0 : b[0].length;
        double[][] c = zeros(a.length, columns);
        for (int i = 0; i < a.length; i++) {
            for (int k = 0; k < b.length; k++) {
                for (int j = 0; j < columns; j++) {
                    c[i][j] += a[i][k] * b[k][j];
                }
            }
        }
        return c;
    }

    static double[][] transpose(double[][] a, int columns) {
        double[][] t = zeros(columns, a.length);
        for (int i = 0; i < a.length; i++) {
            for (int j = 0; j < columns; j++) {
                t[j][i] = a[i][j];
            }
        }
        return t;
    }

    /// `1/√(mean(x²) + eps)` for each group of `n` elements of each row.
    static double[][] inverseRms(double[][] x, int n, double eps) {
        double[][] inverse = new double[x.length][];
        for (int row = 0; row < x.length; row++) {
            inverse[row] = new double[x[row].length / n];
            for (int g = 0; g < inverse[row].length; g++) {
                double sum = 0;
                for (int i = 0; i < n; i++) {
                    sum += x[row][g * n + i] * x[row][g * n + i];
                }
                inverse[row][g] = 1 / Math.sqrt(sum / n + eps);
            }
        }
        return inverse;
    }

    static double[][] rmsNorm(double[][] x, double[] weight, double[][] inverse) {
        int n = weight.length;
        double[][] y = new double[x.length][];
        for (int row = 0; row < x.length; row++) {
            y[row] = new double[x[row].length];
            for (int i = 0; i < y[row].length; i++) {
                y[row][i] = x[row][i] * inverse[row][i / n] * weight[i % n];
            }
        }
        return y;
    }

    /// Accumulates the gradients of `x` and `weight`.
    static void rmsNormBackward(
            double[][] dy, double[][] x, double[] weight, double[][] inverse, double[][] dx, double[] dWeight) {
        int n = weight.length;
        for (int row = 0; row < x.length; row++) {
            for (int g = 0; g < x[row].length / n; g++) {
                double r = inverse[row][g];
                double inner = 0;
                for (int i = 0; i < n; i++) {
                    int c = g * n + i;
                    inner += dy[row][c] * weight[i] * x[row][c];
                    dWeight[i] += dy[row][c] * x[row][c] * r;
                }
                for (int i = 0; i < n; i++) {
                    int c = g * n + i;
                    dx[row][c] += r * weight[i] * dy[row][c] - r * r * r / n * inner * x[row][c];
                }
            }
        }
    }

    static void rotary(double[][] x, int[] positions, double[][] cos, double[][] sin, int d, boolean inverse) {
        for (int row = 0; row < x.length; row++) {
            for (int head = 0; head < x[row].length; head += d) {
                for (int i = 0; i < d / 2; i++) {
                    double a = x[row][head + i];
                    double b = x[row][head + i + d / 2];
                    double c = cos[positions[row]][i];
                    double s = (inverse ? -1 : 1) * sin[positions[row]][i];
                    x[row][head + i] = a * c - b * s;
                    x[row][head + i + d / 2] = b * c + a * s;
                }
            }
        }
    }

    /// The keys that a row sees: rows of the prefix by their number, rows of the batch by theirs and the prefix's length. All
    /// are listed in order of their positions, then the last ones taken.
    static Set<Integer> visible(AttentionMask mask, int row) {
        List<Integer> keys = new ArrayList<>();
        for (int node = row; node >= 0 && mask.parent()[node] != AttentionMask.LINEAR; node = mask.parent()[node]) {
            keys.addFirst(mask.prefixLength() + node);
        }
        for (int linear = mask.linearEnd()[row] - 1; linear >= mask.sequenceStart()[row]; linear--) {
            keys.addFirst(mask.prefixLength() + linear);
        }
        for (int prefix = mask.prefixLength() - 1; prefix >= 0; prefix--) {
            keys.addFirst(prefix);
        }
        return Set.copyOf(keys.subList(Math.max(0, keys.size() - mask.window()), keys.size()));
    }

    /// The probabilities of one head of one row over prefix rows, then batch rows; the element behind them is the log-sum-exp.
    static double[] probabilities(
            double[][] q, double[][] k, double[][] prefixKeys, AttentionMask mask, int d, int row, int head,
            int kvHead) {
        int prefix = mask.prefixLength();
        Set<Integer> visible = visible(mask, row);
        double[] p = new double[prefix + k.length + 1];
        double max = Double.NEGATIVE_INFINITY;
        for (int j = 0; j < prefix + k.length; j++) {
            p[j] = Double.NEGATIVE_INFINITY;
            if (visible.contains(j)) {
                double[] key = j < prefix ? prefixKeys[j] : k[j - prefix];
                p[j] = 0;
                for (int i = 0; i < d; i++) {
                    p[j] += q[row][head * d + i] * key[kvHead * d + i] / Math.sqrt(d);
                }
                max = Math.max(max, p[j]);
            }
        }
        double sum = 0;
        for (int j = 0; j < prefix + k.length; j++) {
            sum += Math.exp(p[j] - max);
        }
        double logSumExp = max + Math.log(sum);
        for (int j = 0; j < prefix + k.length; j++) {
            p[j] = Math.exp(p[j] - logSumExp);
        }
        p[prefix + k.length] = logSumExp;
        return p;
    }

    static void attention(
            double[][] q, double[][] k, double[][] v, double[][] prefixKeys, double[][] prefixValues,
            AttentionMask mask, int d, double[][] out, double[][] logSumExp) {
        int prefix = mask.prefixLength();
        for (int row = 0; row < q.length; row++) {
            int heads = q[row].length / d;
            int group = q[row].length / k[row].length;
            for (int head = 0; head < heads; head++) {
                double[] p = probabilities(q, k, prefixKeys, mask, d, row, head, head / group);
                logSumExp[row][head] = p[prefix + k.length];
                for (int i = 0; i < d; i++) {
                    double sum = 0;
                    for (int j = 0; j < prefix + k.length; j++) {
                        double[] value = j < prefix ? prefixValues[j] : v[j - prefix];
                        sum += p[j] * value[head / group * d + i];
                    }
                    out[row][head * d + i] = sum;
                }
            }
        }
    }

    /// Accumulates into `dq`, `dk` and `dv`.
    static void attentionBackward(
            double[][] dOut, double[][] q, double[][] k, double[][] v, AttentionMask mask, int d,
            double[][] dq, double[][] dk, double[][] dv) {
        for (int row = 0; row < q.length; row++) {
            int group = q[row].length / k[row].length;
            for (int head = 0; head < q[row].length / d; head++) {
                int kv = head / group;
                double[] p = probabilities(q, k, zeros(0, 0), mask, d, row, head, kv);
                double[] dp = new double[k.length];
                double inner = 0;
                for (int j = 0; j < k.length; j++) {
                    for (int i = 0; i < d; i++) {
                        dp[j] += dOut[row][head * d + i] * v[j][kv * d + i];
                    }
                    inner += p[j] * dp[j];
                }
                for (int j = 0; j < k.length; j++) {
                    double ds = p[j] * (dp[j] - inner) / Math.sqrt(d);
                    for (int i = 0; i < d; i++) {
                        dv[j][kv * d + i] += p[j] * dOut[row][head * d + i];
                        dk[j][kv * d + i] += ds * q[row][head * d + i];
                        dq[row][head * d + i] += ds * k[j][kv * d + i];
                    }
                }
            }
        }
    }

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    static double swiGlu(double gate, double up) {
        return gate * sigmoid(gate) * up;
    }

    static double swiGluGate(double gate, double up) {
        double s = sigmoid(gate);
        return up * (s + gate * s * (1 - s));
    }

    static double swiGluUp(double gate) {
        return gate * sigmoid(gate);
    }

    static double logSumExp(double[] logits, int classes) {
        double max = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < classes; i++) {
            max = Math.max(max, logits[i]);
        }
        double sum = 0;
        for (int i = 0; i < classes; i++) {
            sum += Math.exp(logits[i] - max);
        }
        return max + Math.log(sum);
    }

    /// Replaces the logits by their gradient and returns the loss.
    static double crossEntropy(double[] logits, int target, int classes, double scale) {
        double logSum = logSumExp(logits, classes);
        double loss = logSum - logits[target];
        for (int i = 0; i < logits.length; i++) {
            logits[i] = i < classes ? scale * (Math.exp(logits[i] - logSum) - (i == target ? 1 : 0)) : 0;
        }
        return loss;
    }
}
