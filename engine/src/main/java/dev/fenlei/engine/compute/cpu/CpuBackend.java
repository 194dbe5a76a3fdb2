package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Checks;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.x86.Bf16Rung;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// The backend that computes on the processor, with the Vector API.
///
/// Arguments are checked here; the work is done by one class per topic. Results do not depend on the number of threads, as
/// work is cut into tasks by shape alone and sums over tasks are taken in order. They may differ in the last bits between
/// vector widths. Buffers are kept per thread and grow to the largest size used, so that nothing large is allocated later.
public final class CpuBackend implements Backend {

    private static final Logger LOG = LoggerFactory.getLogger(CpuBackend.class);

    private final WorkerPool pool;
    private final Precision precision;
    private Arena arena = Arena.ofShared();
    private final Gemm gemm;
    private final CpuRows rows;
    private final CpuColumns columns;
    private final CpuNorm norm;
    private final CpuRotary rotary;
    private final CpuAttention attention;
    private final CpuDecodeAttention decodeAttention;
    private final CpuAttentionBackward attentionBackward;
    private final CpuElementwise elementwise;
    private final CpuCrossEntropy crossEntropy;
    private final CpuDropout dropout;
    private final CpuOptimizer optimizer;

    /// Computes in single precision with as many threads as the property `fenlei.threads` says, or as there are processors.
    public CpuBackend() {
        this(defaultThreads());
    }

    /// Computes in single precision.
    ///
    /// @param threads the number of threads that compute, the caller included; at least 1
    public CpuBackend(int threads) {
        this(threads, Precision.F32);
    }

    /// @param threads the number of threads that compute, the caller included; at least 1
    /// @param precision of matrix products. Where the processor has no instructions for [Precision#BF16], they are computed
    ///     in single precision, and the log says so.
    public CpuBackend(int threads, Precision precision) {
        Bf16Rung rung = precision == Precision.BF16 ? bf16() : null;
        this.precision = rung == null ? Precision.F32 : Precision.BF16;
        pool = new WorkerPool(threads);
        gemm = new Gemm(pool, rung);
        rows = new CpuRows(pool);
        columns = new CpuColumns(pool);
        norm = new CpuNorm(pool);
        rotary = new CpuRotary(pool);
        attention = new CpuAttention(pool);
        decodeAttention = new CpuDecodeAttention(pool);
        attentionBackward = new CpuAttentionBackward(pool);
        elementwise = new CpuElementwise(pool);
        crossEntropy = new CpuCrossEntropy(pool);
        dropout = new CpuDropout(pool);
        optimizer = new CpuOptimizer(pool);
    }

    private static @Nullable Bf16Rung bf16() {
        Bf16Rung rung = Bf16Rung.best().orElse(null);
        if (rung == null) {
            LOG.warn("products are computed in single precision instead of bfloat16: {}", Bf16Rung.whyNone());
        } else {
            LOG.debug("products in bfloat16 are computed by machine code ({})", rung.name());
        }
        return rung;
    }

    /// The precision that suits a model: [Precision#BF16] if its weights are stored in it and this processor has
    /// instructions for it.
    ///
    /// @param weights the type of the model's matrices
    public static Precision precisionFor(DType weights) {
        return weights == DType.BF16 && bf16Rung().isPresent() ? Precision.BF16 : Precision.F32;
    }

    /// What multiplies in bfloat16 here: `amx` or `avx512`; empty if nothing does.
    public static Optional<String> bf16Rung() {
        return Bf16Rung.best().map(Bf16Rung::name);
    }

    /// Why nothing multiplies in bfloat16 here; empty if something does.
    public static String noBf16Reason() {
        return Bf16Rung.whyNone();
    }

    /// The threads that the property `fenlei.threads` says, or as many as there are processors.
    public static int defaultThreads() {
        return Integer.getInteger("fenlei.threads", Runtime.getRuntime().availableProcessors());
    }

    /// The number of threads that compute.
    public int threads() {
        return pool.threads();
    }

    /// What matrix products are computed in.
    public Precision precision() {
        return precision;
    }

    /// What computes matrix products, for logs and measurements: `f32` with the vector width, `bf16` with the rung.
    public String products() {
        return precision == Precision.F32 ? "f32, " + vectorBits() + " bits" : "bf16, " + bf16Rung().orElseThrow();
    }

    /// The width of the vectors that kernels use, in bits.
    public static int vectorBits() {
        return Lanes.SHAPE.vectorBitSize();
    }

    @Override
    public String name() {
        return "cpu, " + products();
    }

    @Override
    public Tensor allocate(DType dtype, int rowCount, int columns) {
        long bytes = Math.multiplyExact((long) rowCount * columns, (long) dtype.bytes());
        MemorySegment memory = arena.allocate(Math.max(1, bytes), 64);
        return dtype == DType.I8
                ? Tensor.int8(memory, rowCount, columns, allocate(DType.F32, rowCount, 1))
                : Tensor.of(memory, dtype, rowCount, columns);
    }

    @Override
    public Scope newScope() {
        return new ArenaScope();
    }

    private final class ArenaScope implements Scope {

        private final Arena outer = arena;
        private final Arena inner = Arena.ofShared();

        ArenaScope() {
            arena = inner;
        }

        @Override
        public void close() {
            arena = outer;
            inner.close();
        }
    }

    @Override
    public Workspace newWorkspace() {
        return new Workspace();
    }

    @Override
    public void matmul(Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c) {
        Checks.matmul(a, transposeA, b, transposeB, c);
        gemm.matmul(a, transposeA, b, transposeB, alpha, beta, c);
    }

    @Override
    public void lowRankMatmul(Tensor a, Tensor b, Tensor u, Tensor v, boolean transposeB, float beta, Tensor c) {
        gemm.lowRankMatmul(a, b, u, v, transposeB, beta, c);
    }

    @Override
    public void addBias(Tensor y, Tensor bias) {
        Checks.f32(y, "y");
        Checks.shape(bias, "bias", 1, y.columns());
        rows.addBias(y, bias);
    }

    @Override
    public void biasBackward(Tensor dy, Tensor dBias) {
        Checks.f32(dy, "dy");
        Checks.f32(dBias, "dBias", 1, dy.columns());
        rows.biasBackward(dy, dBias);
    }

    @Override
    public void scaleColumns(Tensor x, Tensor factors, float beta, Tensor y) {
        Checks.scaleColumns(x, factors, y);
        columns.scale(x, factors, beta, y);
    }

    @Override
    public void columnDots(Tensor a, Tensor b, Tensor dots) {
        Checks.columnDots(a, b, dots);
        columns.dots(a, b, dots);
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor inverseRms) {
        Checks.rmsNorm(x, weight, y, inverseRms);
        norm.forward(x, weight, eps, y, inverseRms);
    }

    @Override
    public void rmsNormBackward(
            Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor dx, @Nullable Tensor dWeight) {
        Checks.rmsNormBackward(dy, x, weight, inverseRms, dx, dWeight);
        norm.backward(dy, x, weight, inverseRms, dx, dWeight);
    }

    @Override
    public void rotary(Tensor x, int[] positions, Tensor cos, Tensor sin, int headDim, boolean inverse) {
        Checks.rotary(x, positions, cos, sin, headDim);
        rotary.apply(x, positions, cos, sin, headDim, inverse);
    }

    @Override
    public void attention(
            Tensor q,
            Tensor k,
            Tensor v,
            @Nullable Tensor prefixKeys,
            @Nullable Tensor prefixValues,
            AttentionMask mask,
            int headDim,
            Tensor out,
            Tensor logSumExp) {
        Checks.attention(q, k, v, prefixKeys, prefixValues, mask, headDim, out, logSumExp);
        if (CpuDecodeAttention.suits(mask, headDim)) {
            decodeAttention.forward(q, k, v, prefixKeys, prefixValues, mask, headDim, out, logSumExp);
            return;
        }
        attention.forward(q, k, v, prefixKeys, prefixValues, mask, headDim, out, logSumExp);
    }

    @Override
    public void attentionBackward(
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
            Tensor dv) {
        Checks.attentionBackward(dOut, q, k, v, out, logSumExp, mask, headDim, dq, dk, dv);
        attentionBackward.backward(dOut, q, k, v, out, logSumExp, mask, headDim, dq, dk, dv);
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor out) {
        Checks.swiGlu(gate, up, out);
        elementwise.swiGlu(gate, up, out);
    }

    @Override
    public void swiGluBackward(Tensor dOut, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        Checks.swiGluBackward(dOut, gate, up, dGate, dUp);
        elementwise.swiGluBackward(dOut, gate, up, dGate, dUp);
    }

    @Override
    public void gatherRows(Tensor table, int[] ids, Tensor out) {
        Checks.gatherRows(table, ids, out);
        rows.gather(table, ids, out);
    }

    @Override
    public void scatterAddRows(Tensor added, int[] ids, Tensor table) {
        Checks.scatterAddRows(added, ids, table);
        rows.scatterAdd(added, ids, table);
    }

    @Override
    public float[] pick(Tensor x, int[] rowNumbers, int[] columnNumbers) {
        Checks.f32(x, "x");
        Checks.ids(rowNumbers, "rows", columnNumbers.length, x.rows());
        Checks.ids(columnNumbers, "columns", rowNumbers.length, x.columns());
        float[] elements = new float[rowNumbers.length];
        for (int i = 0; i < elements.length; i++) {
            elements[i] = x.get(rowNumbers[i], columnNumbers[i]);
        }
        return elements;
    }

    @Override
    public void crossEntropy(Tensor logits, int[] targets, int classes, float scale, Tensor losses) {
        Checks.crossEntropy(logits, targets, classes, losses);
        crossEntropy.crossEntropy(logits, targets, classes, scale, losses);
    }

    @Override
    public void logSoftmax(Tensor logits, int classes) {
        Checks.classes(logits, classes);
        crossEntropy.logSoftmax(logits, classes);
    }

    @Override
    public void add(Tensor x, float alpha, Tensor y) {
        Checks.f32(x, "x");
        Checks.like(y, "y", x);
        elementwise.add(x, alpha, y);
    }

    @Override
    public void scale(Tensor x, float factor) {
        Checks.f32(x, "x");
        elementwise.scale(x, factor);
    }

    @Override
    public void fill(Tensor x, float value) {
        Checks.f32(x, "x");
        elementwise.fill(x, value);
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        Checks.shape(to, "to", from.rows(), from.columns());
        rows.copy(from, to);
    }

    @Override
    public void dropout(Tensor x, float p, long key, boolean accumulate, Tensor out) {
        Checks.dropout(x, p, out);
        dropout.apply(x, p, key, accumulate, out);
    }

    @Override
    public double sumOfSquares(Tensor x) {
        Checks.f32(x, "x");
        return elementwise.sumOfSquares(x);
    }

    @Override
    public void adamW(Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamWStep step, float gradientScale) {
        Checks.adamW(parameter, gradient, m, v, step);
        optimizer.adamW(parameter, gradient, m, v, step, gradientScale);
    }

    @Override
    public void close() {
        pool.close();
        arena.close();
    }
}
