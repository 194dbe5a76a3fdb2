package dev.fenlei.lora.evaluate;

/// Temperature scaling (Guo et al. 2017, "On Calibration of Modern Neural Networks"): one number that makes
/// probabilities honest
/// without changing any decision.
public final class Temperature {

    /// Temperatures outside [MIN, MAX] are not fitted: where all rows are right, the best temperature would be 0.
    public static final double MIN = 1e-2;

    /// See [#MIN].
    public static final double MAX = 1e2;

    private static final int BISECTIONS = 100;

    private Temperature() {}

    /// The temperature T that minimises the mean of `−ln softmax(logits / T)[true]`. The loss is convex in 1/T, so its
    /// derivative `E_p[z] − z[true]` is bisected.
    ///
    /// @param logits `[rows][classes]`, or logarithms of probabilities, which give the same; −∞ for classes that were
    ///               no candidates
    /// @param truth  `[rows]`: the true classes, none with a logit of −∞
    /// @return a temperature in [MIN, MAX]
    public static double fit(double[][] logits, int[] truth) {
        Calibration.check(logits, truth);
        double low = 1 / MAX;
        double high = 1 / MIN;
        for (int i = 0; i < BISECTIONS && low < high; i++) {
            double middle = Math.sqrt(low * high);
            if (slope(logits, truth, middle) < 0) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return 1 / Math.sqrt(low * high);
    }

    /// `softmax(logits / temperature)`.
    public static double[] softmax(double[] logits, double temperature) {
        double max = logits[Calibration.argmax(logits)];
        double[] p = new double[logits.length];
        double sum = 0;
        for (int c = 0; c < p.length; c++) {
            p[c] = Math.exp((logits[c] - max) / temperature);
            sum += p[c];
        }
        for (int c = 0; c < p.length; c++) {
            p[c] /= sum;
        }
        return p;
    }

    /// The mean of `−ln softmax(logits / temperature)[true]`, never clipped.
    public static double loss(double[][] logits, int[] truth, double temperature) {
        Calibration.check(logits, truth);
        double loss = 0;
        for (int row = 0; row < truth.length; row++) {
            double[] z = logits[row];
            double max = z[Calibration.argmax(z)];
            double sum = 0;
            for (double value : z) {
                sum += Math.exp((value - max) / temperature);
            }
            loss += Math.log(sum) - (z[truth[row]] - max) / temperature;
        }
        return loss / truth.length;
    }

    private static double slope(double[][] logits, int[] truth, double inverse) {
        double slope = 0;
        for (int row = 0; row < truth.length; row++) {
            double[] z = logits[row];
            double[] p = softmax(z, 1 / inverse);
            for (int c = 0; c < p.length; c++) {
                slope += p[c] == 0 ? 0 : p[c] * (z[c] - z[truth[row]]);
            }
        }
        return slope;
    }
}
