package dev.fenlei.lora.search;

import java.util.random.RandomGenerator;
import org.apache.commons.numbers.gamma.Erfc;
import org.apache.commons.numbers.gamma.Erfcx;

/// The normal distribution, exact far out in its tails, where differences of probabilities would be lost.
final class Normal {

    private static final double LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
    private static final double ROOT_TWO = Math.sqrt(2);
    private static final int BISECTIONS = 60;

    private Normal() {}

    /// The logarithm of the density at `z`, for a mean of 0 and a deviation of 1.
    static double logDensity(double z) {
        return -0.5 * z * z - LOG_ROOT_TWO_PI;
    }

    /// The logarithm of the probability below `z`.
    private static double logBelow(double z) {
        return z < -1
                ? Math.log(0.5 * Erfcx.value(-z / ROOT_TWO)) - 0.5 * z * z
                : Math.log1p(-0.5 * Erfc.value(z / ROOT_TWO));
    }

    /// The logarithm of the probability between `a` and `b`.
    static double logMass(double a, double b) {
        if (b <= 0) {
            double log = logBelow(b);
            return log + Math.log1p(-Math.exp(logBelow(a) - log));
        }
        if (a > 0) {
            return logMass(-b, -a);
        }
        return Math.log1p(-Math.exp(logBelow(a)) - Math.exp(logBelow(-b)));
    }

    /// A number between `a` and `b`, as the distribution has it there.
    static double truncated(RandomGenerator random, double a, double b) {
        double target = Math.log(1 - random.nextDouble()) + logMass(a, b);
        double low = a;
        double high = b;
        for (int i = 0; i < BISECTIONS; i++) {
            double middle = 0.5 * (low + high);
            if (logMass(a, middle) < target) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return 0.5 * (low + high);
    }
}
