package dev.fenlei.lora.search;

import java.util.random.RandomGenerator;
import tools.jackson.databind.JsonNode;

/// The values that a parameter may take.
///
/// A value has two forms, as in Optuna: the internal one is a number, of a categorical parameter the index of its choice; the
/// external one is what the user sees.
public sealed interface Distribution permits RangeDistribution, CategoricalDistribution {

    /// Whether there is only one value.
    boolean single();

    /// Whether an internal value is one of the distribution's.
    boolean contains(double internal);

    /// The external form of an internal value.
    JsonNode external(double internal);

    /// An internal value, each as likely as any other: in the logarithm, if the parameter is logarithmic.
    double uniform(RandomGenerator random);

    /// Whether a parameter may have both distributions in one study: ranges may change, kinds and choices may not.
    boolean compatible(Distribution other);
}
