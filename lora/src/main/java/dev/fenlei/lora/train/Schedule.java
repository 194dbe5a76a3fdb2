package dev.fenlei.lora.train;

/// The course of the learning rate over the optimizer steps, as `transformers` computes it: a linear warm-up, then one of
/// these shapes.
public enum Schedule {
    /// Falls in a straight line to 0.
    LINEAR,
    /// Falls along half a cosine to 0.
    COSINE,
    /// Stays.
    CONSTANT;

    /// The factor of the learning rate at a step.
    ///
    /// @param step counted from 0
    /// @param warmup the number of warm-up steps W: below it the factor is `step / max(1, W)`
    /// @param total the number of all steps N
    public double factor(int step, int warmup, int total) {
        if (step < warmup) {
            return (double) step / Math.max(1, warmup);
        }
        double rest = Math.max(1, total - warmup);
        return switch (this) {
            case LINEAR -> Math.max(0, (total - step) / rest);
            case COSINE -> Math.max(0, 0.5 * (1 + Math.cos(Math.PI * ((step - warmup) / rest))));
            case CONSTANT -> 1;
        };
    }
}
