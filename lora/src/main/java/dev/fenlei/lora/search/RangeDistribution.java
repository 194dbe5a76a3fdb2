package dev.fenlei.lora.search;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.random.RandomGenerator;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.DoubleNode;
import tools.jackson.databind.node.LongNode;

/// Numbers from `low` to `high`, both included.
///
/// Steps go from `low`; `high` is lowered to the last of them. What samplers see is the range in its coordinate: the natural
/// logarithm of a logarithmic parameter, and half a step more at both ends of one with steps.
///
/// @param integer whether only whole numbers are meant
/// @param step between two values; 0 for any number, 1 for a logarithmic integer
/// @param log whether ratios count rather than differences
public record RangeDistribution(boolean integer, double low, double high, double step, boolean log)
        implements
            Distribution {

    private static final double MAX_INTEGER = 0x1p53;

    public RangeDistribution {
        require(Double.isFinite(low) && Double.isFinite(high), "low and high must be finite");
        require(low <= high, "low " + text(integer, low) + " is above high " + text(integer, high));
        require(step >= 0 && Double.isFinite(step), "step must be positive, it is " + step);
        if (log) {
            require(low > 0, "low must be above 0 where log is true, it is " + text(integer, low));
            require(step == (integer ? 1 : 0), "step cannot be given where log is true");
        }
        if (integer) {
            require(whole(low) && whole(high) && whole(step) && step >= 1, "low, high and step must be whole numbers");
        }
        if (step > 0) {
            high = lastStep(low, high, step);
        }
    }

    /// Any number of the range.
    public static RangeDistribution floats(double low, double high) {
        return new RangeDistribution(false, low, high, 0, false);
    }

    /// Any number of the range, by its logarithm.
    public static RangeDistribution logFloats(double low, double high) {
        return new RangeDistribution(false, low, high, 0, true);
    }

    /// The whole numbers of the range.
    public static RangeDistribution integers(long low, long high) {
        return new RangeDistribution(true, low, high, 1, false);
    }

    /// The whole numbers of the range, by their logarithms.
    public static RangeDistribution logIntegers(long low, long high) {
        return new RangeDistribution(true, low, high, 1, true);
    }

    private static boolean whole(double value) {
        return value == Math.rint(value) && Math.abs(value) <= MAX_INTEGER;
    }

    /// In decimals, as 0.3 is three steps of 0.1.
    private static double lastStep(double low, double high, double step) {
        BigDecimal from = BigDecimal.valueOf(low);
        BigDecimal by = BigDecimal.valueOf(step);
        return BigDecimal.valueOf(high)
                .subtract(from)
                .divide(by, 0, RoundingMode.FLOOR)
                .multiply(by)
                .add(from)
                .doubleValue();
    }

    private static String text(boolean integer, double value) {
        return integer && whole(value) ? Long.toString((long) value) : Double.toString(value);
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new IllegalArgumentException(message);
        }
    }

    @Override
    public boolean single() {
        return low == high;
    }

    @Override
    public boolean contains(double internal) {
        if (!(internal >= low && internal <= high)) {
            return false;
        }
        double steps = (internal - low) / step;
        return step == 0 || Math.abs(steps - Math.rint(steps)) < 1e-8;
    }

    @Override
    public JsonNode external(double internal) {
        return integer ? LongNode.valueOf(Math.round(internal)) : DoubleNode.valueOf(internal);
    }

    @Override
    public double uniform(RandomGenerator random) {
        return value(lowest() + random.nextDouble() * (highest() - lowest()));
    }

    @Override
    public boolean compatible(Distribution other) {
        return other instanceof RangeDistribution range && integer == range.integer && log == range.log;
    }

    /// The number of values; infinite without steps.
    double size() {
        return single() ? 1 : step == 0 ? Double.POSITIVE_INFINITY : Math.rint((high - low) / step) + 1;
    }

    double coordinate(double value) {
        return log ? Math.log(value) : value;
    }

    /// The lower end of the coordinate.
    double lowest() {
        return coordinate(low - step / 2);
    }

    /// The upper end of the coordinate.
    double highest() {
        return coordinate(high + step / 2);
    }

    /// The value at a coordinate, or the nearest there is.
    double value(double coordinate) {
        double value = log ? Math.exp(coordinate) : coordinate;
        if (step > 0) {
            value = low + Math.rint((value - low) / step) * step;
        }
        return Math.clamp(value, low, high);
    }
}
