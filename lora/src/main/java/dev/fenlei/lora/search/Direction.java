package dev.fenlei.lora.search;

/// Which values of the objective are better. The codes are those of Optuna's journal.
public enum Direction {
    MINIMIZE(1), MAXIMIZE(2);

    private final int code;

    Direction(int code) {
        this.code = code;
    }

    int code() {
        return code;
    }

    static Direction ofCode(int code) {
        return switch (code) {
            case 1 -> MINIMIZE;
            case 2 -> MAXIMIZE;
            default -> throw new IllegalArgumentException("unknown direction " + code);
        };
    }

    /// Whether the first value is strictly better than the second.
    public boolean better(double first, double second) {
        return this == MAXIMIZE ? first > second : first < second;
    }

    /// Compares so that the better value comes first, and a value that is no number last.
    int compare(double first, double second) {
        if (Double.isNaN(first) || Double.isNaN(second)) {
            return Boolean.compare(Double.isNaN(first), Double.isNaN(second));
        }
        return this == MAXIMIZE ? Double.compare(second, first) : Double.compare(first, second);
    }
}
