package dev.fenlei.lora.run;

import java.util.Comparator;
import java.util.Locale;

/// What makes one adapter better than another.
public enum ValidationMetric {
    /// The higher macro F1 is better; of two alike the lower negative log-likelihood.
    MACRO_F1(Comparator.comparingDouble(ValidationScore::macroF1)
            .thenComparing(ValidationScore::nll, Comparator.reverseOrder())),
    /// The lower negative log-likelihood is better.
    NLL(Comparator.comparingDouble(ValidationScore::nll).reversed());

    private final Comparator<ValidationScore> byQuality;

    ValidationMetric(Comparator<ValidationScore> byQuality) {
        this.byQuality = byQuality;
    }

    /// Whether the first is strictly better than the second.
    boolean better(ValidationScore first, ValidationScore second) {
        return byQuality.compare(first, second) > 0;
    }

    /// The figure that decides, of which more is better for some metrics and less for others.
    public double of(ValidationScore score) {
        return switch (this) {
            case MACRO_F1 -> score.macroF1();
            case NLL -> score.nll();
        };
    }

    /// Whether more is better.
    public boolean higherIsBetter() {
        return this == MACRO_F1;
    }

    /// As options write it: `macro-f1`.
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
