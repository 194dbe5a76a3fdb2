package dev.fenlei.engine.compute;

/// What matrix products are computed in. Sums, everything else and everything that is trained are in single precision with
/// either.
public enum Precision {

    /// Single precision; weights of other types are widened exactly.
    F32,

    /// Both operands of a product are rounded to bfloat16. Products of two activations, which make the gradients of weights,
    /// stay in single precision.
    BF16
}
