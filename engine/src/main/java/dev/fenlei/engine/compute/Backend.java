package dev.fenlei.engine.compute;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import org.jspecify.annotations.Nullable;

/// The one list of operations that a transformer needs, forward and backward.
///
/// Activations, gradients and everything that is trained are F32; weights may be of any [DType]. Matrices are
/// `rows × columns`; one row stands for one token wherever tokens appear. "Accumulate" means that the result is added to
/// what the output holds. Unless an operation says otherwise, outputs must not overlap inputs.
///
/// Every operation is deterministic: the same input gives the same bits, for any number of threads.
///
/// A plain float64 implementation in the test sources defines what each operation means; one contract test checks every
/// backend against it.
public interface Backend extends AutoCloseable {

    /// What computes, and in what: for logs and records of runs, such as `cpu, bf16, amx`.
    String name();

    /// A tensor of zeros that lives until the backend is closed, or the [scope][#newScope] in which it was allocated.
    Tensor allocate(DType dtype, int rows, int columns);

    /// Ends the life of what was allocated in it.
    interface Scope extends AutoCloseable {
        @Override
        void close();
    }

    /// Begins a scope for what changes while the weights stay, such as one adapter after another. Scopes nest; one thread
    /// allocates and closes. A backend that does not say otherwise keeps everything until it is closed.
    default Scope newScope() {
        return () -> {};
    }

    /// A tensor of weights where this backend computes with them: the tensor itself if it can use host memory, else a copy that
    /// lives until the backend is closed. The operations take tensors that came from this backend, and the results of this
    /// method; only [#copy] takes any.
    default Tensor place(Tensor weights) {
        return weights;
    }

    /// A new scratch space for the tensors of one step.
    Workspace newWorkspace();

    /// `c = alpha · op(a) · op(b) + beta · c`, where `op` transposes if the flag says so.
    ///
    /// The three uses are: `y = x·Wᵀ` (`transposeB`), `dX = dY·W` (neither), `dW = dYᵀ·x` (`transposeA`).
    ///
    /// @param a `m × k`, or `k × m` when transposed; any type
    /// @param b `k × n`, or `n × k` when transposed; any type
    /// @param beta 0 overwrites `c` (even if it holds NaN)
    /// @param c F32, `m × n`
    void matmul(Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c);

    /// `c = a · op(b) + u · op(v) + beta · c`: a product together with a low-rank update of its right side, which costs
    /// little more than the product alone.
    ///
    /// @param a `m × k`
    /// @param b `k × n`, or `n × k` when transposed; any type
    /// @param u `m × r`
    /// @param v `r × n`, or `n × r` when transposed; any type
    /// @param transposeB whether `op` transposes
    /// @param beta 0 overwrites `c` (even if it holds NaN)
    /// @param c F32, `m × n`
    void lowRankMatmul(Tensor a, Tensor b, Tensor u, Tensor v, boolean transposeB, float beta, Tensor c);

    /// Adds the vector `bias` (1 × n, any type) to every row of `y` (t × n).
    void addBias(Tensor y, Tensor bias);

    /// Accumulates the column sums of `dy` (t × n) into `dBias` (1 × n).
    void biasBackward(Tensor dy, Tensor dBias);

    /// `y = x · diag(factors) + beta · y`: every column by a factor of its own.
    ///
    /// @param x t × n
    /// @param factors 1 × n, F32
    /// @param beta 0 overwrites `y` (even if it holds NaN)
    /// @param y t × n; may be `x` itself
    void scaleColumns(Tensor x, Tensor factors, float beta, Tensor y);

    /// Accumulates the dot products of the columns of `a` with those of `b` (both t × n) into `dots` (1 × n): with
    /// `a = dy` and `b = x` the gradient of the factors of [#scaleColumns].
    void columnDots(Tensor a, Tensor b, Tensor dots);

    /// Root-mean-square normalisation (Zhang & Sennrich 2019): `y = x · weight / √(mean(x²) + eps)` over groups of
    /// `weight.columns()` elements of each row. A row holds one group or several (one per attention head).
    ///
    /// @param x t × (g·n)
    /// @param weight 1 × n, any type
    /// @param y t × (g·n); may be `x` itself
    /// @param inverseRms t × g, receives `1/√(mean(x²) + eps)`
    void rmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor inverseRms);

    /// Backward of [#rmsNorm]: accumulates into `dx`, and into `dWeight` (1 × n) when it is given.
    ///
    /// @param dy t × (g·n), must not overlap `dx`
    /// @param x the input of the forward pass
    void rmsNormBackward(
            Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor dx, @Nullable Tensor dWeight);

    /// Rotary position embedding (Su et al. 2021), half-split layout, in place on every head of every row:
    /// with `c, s` the angle tables, `(a, b) → (a·c − b·s, b·c + a·s)` where `a` is element `i` and `b` element
    /// `i + d/2` of a head.
    ///
    /// @param x t × (heads·d)
    /// @param positions the position of each row
    /// @param cos positions × d/2
    /// @param sin positions × d/2
    /// @param headDim d
    /// @param inverse rotates back (the backward pass, as rotations are orthogonal)
    void rotary(Tensor x, int[] positions, Tensor cos, Tensor sin, int headDim, boolean inverse);

    /// Scaled dot-product attention with grouped key-value heads: `out = softmax(q·kᵀ/√d)·v` per head, where each row
    /// sees the keys that `mask` names. Query head `h` reads key-value head `h / (heads / keyValueHeads)`.
    ///
    /// @param q n × (heads·d), the mask's queries
    /// @param k t × (keyValueHeads·d), the rows of this batch
    /// @param v t × (keyValueHeads·d)
    /// @param prefixKeys keys that every row sees before its own, `mask.prefixLength()` rows of them; null when there are none
    /// @param prefixValues the values that belong to them
    /// @param headDim d
    /// @param out n × (heads·d)
    /// @param logSumExp n × heads, receives `ln Σ exp(score)` for the backward pass
    void attention(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Tensor prefixKeys,
            @Nullable Tensor prefixValues,
            AttentionMask mask,
            int headDim,
            Tensor out,
            Tensor logSumExp);

    /// Backward of [#attention] without prefix and without tree rows. Overwrites `dq`, `dk` and `dv`.
    void attentionBackward(
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
            Tensor dv);

    /// SwiGLU (Shazeer 2020): `out = silu(gate) · up`, element by element.
    void swiGlu(Tensor gate, Tensor up, Tensor out);

    /// Backward of [#swiGlu]. `dGate` may be `gate` itself and `dUp` may be `up` itself.
    void swiGluBackward(Tensor dOut, Tensor gate, Tensor up, Tensor dGate, Tensor dUp);

    /// `out[i] = table[ids[i]]`, widened to F32. Also gathers rows of activations.
    void gatherRows(Tensor table, int[] ids, Tensor out);

    /// `table[ids[i]] += rows[i]` in order of `i`; an id may occur more than once.
    void scatterAddRows(Tensor rows, int[] ids, Tensor table);

    /// Single elements: `x[rows[i]][columns[i]]` for every i, on the host.
    float[] pick(Tensor x, int[] rows, int[] columns);

    /// Softmax cross-entropy and its gradient. For each row: `losses[i] = −ln softmax(logits[i])[targets[i]]`, then
    /// `logits[i] = scale · (softmax(logits[i]) − onehot(targets[i]))`, in place. Columns from `classes` on do not take
    /// part (their gradient is 0): rows of the vocabulary that no token has.
    ///
    /// @param losses 1 × t
    void crossEntropy(Tensor logits, int[] targets, int classes, float scale, Tensor losses);

    /// `logits[i] −= ln Σ exp(logits[i])` over the first `classes` columns, in place; other columns become −∞.
    void logSoftmax(Tensor logits, int classes);

    /// `y += alpha · x`.
    void add(Tensor x, float alpha, Tensor y);

    /// `x *= factor`.
    void scale(Tensor x, float factor);

    /// Sets every element to `value`.
    void fill(Tensor x, float value);

    /// `to = from`, converted (rounded to nearest even) where the types differ. Rows of I8 get scales that suit them
    /// ([dev.fenlei.engine.tensor.Int8]), even if `from` is I8 with others. Either may lie in host memory.
    void copy(Tensor from, Tensor to);

    /// Inverted dropout (Srivastava et al. 2014): element `i` (in row order) is kept and multiplied by `1/(1−p)` when the
    /// counter-based generator says so ([Philox#half] / 2¹⁶ ≥ p), else it is 0. `out` may be `x` itself.
    ///
    /// @param accumulate adds to `out` instead of overwriting it
    void dropout(Tensor x, float p, long key, boolean accumulate, Tensor out);

    /// Σ x², accumulated in double precision in a fixed order.
    double sumOfSquares(Tensor x);

    /// One step of AdamW (Loshchilov & Hutter 2019) as PyTorch computes it: with `g = gradientScale · gradient`,
    /// `p *= 1 − lr·wd`; `m = β1·m + (1−β1)·g`; `v = β2·v + (1−β2)·g²`;
    /// `p −= lr/(1−β1^t) · m / (√v/√(1−β2^t) + ε)`.
    void adamW(Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamWStep step, float gradientScale);

    /// The numbers of one optimizer step.
    ///
    /// @param step t, counted from 1
    record AdamWStep(double learningRate, double beta1, double beta2, double epsilon, double weightDecay, int step) {}

    @Override
    void close();
}
