package dev.fenlei.engine.compute.cuda;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Checks;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// The backend that computes on an NVIDIA GPU: products by cuBLAS, everything else by kernels of its own.
///
/// Operations return before they are done. They run in the order of the calls, and whatever shows elements to the host waits.
/// Tensors lie in the device's memory; only [#copy] and [#place] take others. One thread at a time; which one may change.
public final class CudaBackend implements Backend {

    /// The most blocks of a sum of squares, and the least elements of each. Their number depends on the shape alone, so that the
    /// order of the sum is fixed.
    private static final int SUM_BLOCKS = 512;
    private static final int SUM_ELEMENTS = 4096;

    private static final int BLOCK = 256;
    private static final int COLUMNS_OF_BLOCK = 32;

    private final Precision precision;
    private final Gpu gpu;
    private final CudaAttention attention;
    private final DeviceArena lasting;
    private DeviceArena arena;

    private CudaBackend(Gpu gpu, Precision precision) {
        this.gpu = gpu;
        this.precision = precision;
        attention = new CudaAttention(gpu, precision);
        lasting = new DeviceArena(gpu);
        arena = lasting;
    }

    /// Opens the first GPU that `CUDA_VISIBLE_DEVICES` shows.
    ///
    /// @param precision of matrix products
    /// @throws CudaUnavailableException if CUDA cannot be used here
    public static CudaBackend open(Precision precision) throws CudaUnavailableException {
        return open(precision, CudaLibraries.ofProcess());
    }

    static CudaBackend open(Precision precision, CudaLibraries libraries) throws CudaUnavailableException {
        return new CudaBackend(Gpu.open(libraries), precision);
    }

    /// The precision that suits a model: [Precision#BF16] if its weights are stored in it.
    ///
    /// @param weights the type of the model's matrices
    public static Precision precisionFor(DType weights) {
        return weights == DType.BF16 ? Precision.BF16 : Precision.F32;
    }

    @Override
    public String name() {
        return "cuda, " + precision.name().toLowerCase(Locale.ROOT) + ", " + gpu.name();
    }

    @Override
    public Tensor allocate(DType dtype, int rows, int columns) {
        Tensor tensor = reserve(arena, dtype, rows, columns);
        gpu.clear(tensor.memory());
        if (tensor.scales() != null) {
            gpu.clear(tensor.scales().memory());
        }
        return tensor;
    }

    /// A tensor with undefined contents.
    private Tensor reserve(DeviceArena owner, DType dtype, int rows, int columns) {
        long bytes = Math.multiplyExact((long) rows * columns, (long) dtype.bytes());
        Tensor scales = dtype == DType.I8 ? reserve(owner, DType.F32, rows, 1) : null;
        return new Tensor(owner.allocate(bytes, Long.BYTES), dtype, rows, columns, columns, scales, gpu);
    }

    @Override
    public Tensor place(Tensor weights) {
        if (weights.device() != null) {
            return weights;
        }
        Tensor placed = reserve(lasting, weights.dtype(), weights.rows(), weights.columns());
        gpu.begin();
        land(weights, placed);
        return placed;
    }

    @Override
    public Workspace newWorkspace() {
        return gpu.newWorkspace();
    }

    /// The type of a product's operands: gradients of weights, products of two activations, are in single precision.
    private DType operandType(boolean transposeA) {
        return precision == Precision.BF16 && !transposeA ? DType.BF16 : DType.F32;
    }

    @Override
    public void matmul(Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c) {
        Checks.matmul(a, transposeA, b, transposeB, c);
        gpu.begin();
        multiply(a, transposeA, b, transposeB, alpha, beta, c);
    }

    private void multiply(
            Tensor a, boolean transposeA, Tensor b, boolean transposeB, float alpha, float beta, Tensor c) {
        if ((transposeA ? a.rows() : a.columns()) == 0) {
            times(c, beta);
            return;
        }
        DType type = operandType(transposeA);
        gpu.multiply(gpu.as(type, a), transposeA, gpu.as(type, b), transposeB, alpha, beta, c);
    }

    /// `c *= beta`, where 0 overwrites even what is no number.
    private void times(Tensor c, float beta) {
        gpu.kernels().launch(beta == 0 ? "fill" : "scale").matrix(c).shape(c.rows(), c.columns()).real(beta)
                .overElements(c.rows(), c.columns());
    }

    @Override
    public void lowRankMatmul(Tensor a, Tensor b, Tensor u, Tensor v, boolean transposeB, float beta, Tensor c) {
        int n = transposeB ? b.rows() : b.columns();
        Checks.f32(c, "c", a.rows(), n);
        Checks.shape(b, "b", transposeB ? n : a.columns(), transposeB ? a.columns() : n);
        Checks.shape(u, "u", a.rows(), u.columns());
        Checks.shape(v, "v", transposeB ? n : u.columns(), transposeB ? u.columns() : n);
        gpu.begin();
        multiply(a, false, b, transposeB, 1, beta, c);
        multiply(u, false, v, transposeB, 1, 1, c);
    }

    @Override
    public void addBias(Tensor y, Tensor bias) {
        Checks.f32(y, "y");
        Checks.shape(bias, "bias", 1, y.columns());
        gpu.begin();
        gpu.kernels().launch("add_bias").matrix(y).typedVector(bias).shape(y.rows(), y.columns())
                .overElements(y.rows(), y.columns());
    }

    @Override
    public void biasBackward(Tensor dy, Tensor dBias) {
        Checks.f32(dy, "dy");
        Checks.f32(dBias, "dBias", 1, dy.columns());
        gpu.begin();
        columnSums(dy, null, null, 1, dBias);
    }

    /// `sums += Σ a · b · factors` over rows and groups, for every column of a group.
    private void columnSums(Tensor a, @Nullable Tensor b, @Nullable Tensor factors, int groups, Tensor sums) {
        Kernels.Launch launch = gpu.kernels().launch("column_sums").matrix(a);
        for (Tensor factor : new @Nullable Tensor[] {b, factors}) {
            if (factor == null) {
                launch.wide(0).wide(0);
            } else {
                launch.matrix(factor);
            }
        }
        launch.vector(sums).integer(a.rows()).integer(groups).integer(sums.columns())
                .run(Math.ceilDiv(sums.columns(), COLUMNS_OF_BLOCK), Math.min(1, a.rows()), BLOCK);
    }

    @Override
    public void scaleColumns(Tensor x, Tensor factors, float beta, Tensor y) {
        Checks.scaleColumns(x, factors, y);
        gpu.begin();
        gpu.kernels().launch("scale_columns").matrix(x).vector(factors).real(beta).matrix(y)
                .shape(x.rows(), x.columns())
                .overElements(x.rows(), x.columns());
    }

    @Override
    public void columnDots(Tensor a, Tensor b, Tensor dots) {
        Checks.columnDots(a, b, dots);
        gpu.begin();
        columnSums(a, b, null, 1, dots);
    }

    @Override
    public void rmsNorm(Tensor x, Tensor weight, float eps, Tensor y, Tensor inverseRms) {
        Checks.rmsNorm(x, weight, y, inverseRms);
        gpu.begin();
        gpu.kernels().launch("rms_norm").matrix(x).typedVector(weight).real(eps).matrix(y).matrix(inverseRms)
                .integer(inverseRms.columns()).integer(weight.columns())
                .run(Math.multiplyExact(x.rows(), inverseRms.columns()), 1, Kernels.threadsFor(weight.columns()));
    }

    @Override
    public void rmsNormBackward(
            Tensor dy, Tensor x, Tensor weight, Tensor inverseRms, Tensor dx, @Nullable Tensor dWeight) {
        Checks.rmsNormBackward(dy, x, weight, inverseRms, dx, dWeight);
        gpu.begin();
        gpu.kernels().launch("rms_norm_backward").matrix(dy).matrix(x).typedVector(weight).matrix(inverseRms)
                .matrix(dx).integer(inverseRms.columns()).integer(weight.columns())
                .run(Math.multiplyExact(x.rows(), inverseRms.columns()), 1, Kernels.threadsFor(weight.columns()));
        if (dWeight != null) {
            columnSums(dy, x, inverseRms, inverseRms.columns(), dWeight);
        }
    }

    @Override
    public void rotary(Tensor x, int[] positions, Tensor cos, Tensor sin, int headDim, boolean inverse) {
        Checks.rotary(x, positions, cos, sin, headDim);
        gpu.begin();
        gpu.kernels().launch("rotary").matrix(x).wide(gpu.integers(positions)).matrix(cos).matrix(sin)
                .integer(headDim / 2).real(inverse ? -1 : 1).shape(x.rows(), x.columns() / 2)
                .overElements(x.rows(), x.columns() / 2);
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
        gpu.begin();
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
        gpu.begin();
        attention.backward(dOut, q, k, v, out, logSumExp, mask, headDim, dq, dk, dv);
    }

    @Override
    public void swiGlu(Tensor gate, Tensor up, Tensor out) {
        Checks.swiGlu(gate, up, out);
        gpu.begin();
        gpu.kernels().launch("swiglu").matrix(gate).matrix(up).matrix(out).shape(gate.rows(), gate.columns())
                .overElements(gate.rows(), gate.columns());
    }

    @Override
    public void swiGluBackward(Tensor dOut, Tensor gate, Tensor up, Tensor dGate, Tensor dUp) {
        Checks.swiGluBackward(dOut, gate, up, dGate, dUp);
        gpu.begin();
        gpu.kernels().launch("swiglu_backward").matrix(dOut).matrix(gate).matrix(up).matrix(dGate).matrix(dUp)
                .shape(dOut.rows(), dOut.columns())
                .overElements(dOut.rows(), dOut.columns());
    }

    @Override
    public void gatherRows(Tensor table, int[] ids, Tensor out) {
        Checks.gatherRows(table, ids, out);
        gpu.begin();
        gpu.kernels().launch("gather_rows").typed(table).wide(gpu.integers(ids)).matrix(out)
                .shape(out.rows(), out.columns())
                .overElements(out.rows(), out.columns());
    }

    @Override
    public void scatterAddRows(Tensor added, int[] ids, Tensor table) {
        Checks.scatterAddRows(added, ids, table);
        gpu.begin();
        int[] order = IntStream.range(0, ids.length).boxed()
                .sorted((i, j) -> Integer.compare(ids[i], ids[j])) // stable, so that rows of one place stay in order
                .mapToInt(Integer::intValue)
                .toArray();
        int[] first = IntStream.rangeClosed(0, ids.length)
                .filter(i -> i == 0 || i == ids.length || ids[order[i]] != ids[order[i - 1]])
                .toArray();
        int[] places = Arrays.stream(first, 0, Math.max(0, first.length - 1)).map(i -> ids[order[i]]).toArray();
        gpu.kernels().launch("scatter_add_rows").matrix(added).wide(gpu.integers(order)).wide(gpu.integers(first))
                .wide(gpu.integers(places)).matrix(table).shape(places.length, table.columns())
                .overElements(places.length, table.columns());
    }

    @Override
    public float[] pick(Tensor x, int[] rows, int[] columns) {
        Checks.f32(x, "x");
        Checks.ids(rows, "rows", columns.length, x.rows());
        Checks.ids(columns, "columns", rows.length, x.columns());
        gpu.begin();
        float[] elements = new float[rows.length];
        Tensor picked = gpu.scratch().take(1, rows.length);
        gpu.kernels().launch("pick").matrix(x).wide(gpu.integers(rows)).wide(gpu.integers(columns)).vector(picked)
                .integer(rows.length)
                .overElements(1, rows.length);
        gpu.download(picked.memory(), MemorySegment.ofArray(elements));
        return elements;
    }

    @Override
    public void crossEntropy(Tensor logits, int[] targets, int classes, float scale, Tensor losses) {
        Checks.crossEntropy(logits, targets, classes, losses);
        gpu.begin();
        gpu.kernels().launch("cross_entropy").matrix(logits).wide(gpu.integers(targets)).integer(classes)
                .integer(logits.columns()).real(scale).vector(losses)
                .run(logits.rows(), 1, Kernels.threadsFor(logits.columns()));
    }

    @Override
    public void logSoftmax(Tensor logits, int classes) {
        Checks.classes(logits, classes);
        gpu.begin();
        gpu.kernels().launch("log_softmax").matrix(logits).integer(classes).integer(logits.columns())
                .run(logits.rows(), 1, Kernels.threadsFor(logits.columns()));
    }

    @Override
    public void add(Tensor x, float alpha, Tensor y) {
        Checks.f32(x, "x");
        Checks.like(y, "y", x);
        gpu.begin();
        gpu.kernels().launch("add").matrix(x).real(alpha).matrix(y).shape(x.rows(), x.columns())
                .overElements(x.rows(), x.columns());
    }

    @Override
    public void scale(Tensor x, float factor) {
        Checks.f32(x, "x");
        gpu.begin();
        gpu.kernels().launch("scale").matrix(x).shape(x.rows(), x.columns()).real(factor)
                .overElements(x.rows(), x.columns());
    }

    @Override
    public void fill(Tensor x, float value) {
        Checks.f32(x, "x");
        gpu.begin();
        gpu.kernels().launch("fill").matrix(x).shape(x.rows(), x.columns()).real(value)
                .overElements(x.rows(), x.columns());
    }

    @Override
    public void copy(Tensor from, Tensor to) {
        Checks.shape(to, "to", from.rows(), from.columns());
        if (from.size() == 0) {
            return;
        }
        if (to.device() == null) {
            copyToHost(from, to);
        } else if (from.device() == null) {
            copyFromHost(from, to);
        } else {
            gpu.begin();
            gpu.copy(from, to);
        }
    }

    private void copyFromHost(Tensor from, Tensor to) {
        gpu.begin();
        if (from.dtype() == to.dtype() && to.isContiguous() && to.scales() == null) {
            land(from, to);
            return;
        }
        Tensor landing = gpu.scratch().take(from.dtype(), from.rows(), from.columns());
        land(from, landing);
        gpu.copy(landing, to);
    }

    /// Brings a tensor of the host into one of the same type without gaps, as it is.
    private void land(Tensor from, Tensor to) {
        if (from.scales() != null && to.scales() != null) {
            Tensor scales = from.scales();
            gpu.upload(MemorySegment.ofArray(scales.toArray()), to.scales().memory());
        }
        if (from.isContiguous()) {
            gpu.upload(from.memory().asSlice(0, from.byteSize()), to.memory());
            return;
        }
        for (int row = 0; row < from.rows(); row++) {
            Tensor line = from.row(row);
            gpu.upload(line.memory().asSlice(0, line.byteSize()), to.row(row).memory());
        }
    }

    private void copyToHost(Tensor from, Tensor to) {
        try (Arena host = Arena.ofConfined()) {
            to.copyFrom(from.onHost(host).toArray());
        }
    }

    @Override
    public void dropout(Tensor x, float p, long key, boolean accumulate, Tensor out) {
        Checks.dropout(x, p, out);
        gpu.begin();
        gpu.kernels().launch("dropout").matrix(x).integer((int) Math.ceil(p * 0x1p16)).real(1 / (1 - p)).wide(key)
                .integer(accumulate ? 1 : 0).matrix(out).shape(x.rows(), x.columns())
                .overElements(x.rows(), x.columns());
    }

    @Override
    public double sumOfSquares(Tensor x) {
        Checks.f32(x, "x");
        gpu.begin();
        int blocks = Math.clamp(x.size() / SUM_ELEMENTS, 1, SUM_BLOCKS);
        Tensor sums = gpu.scratch().take(1, 2 * blocks); // numbers of double precision
        gpu.kernels().launch("sum_of_squares").matrix(x).shape(x.rows(), x.columns()).vector(sums)
                .run(blocks, 1, BLOCK);
        if (blocks > 1) {
            gpu.kernels().launch("add_up").vector(sums).integer(blocks).run(1, 1, BLOCK);
        }
        double[] sum = new double[1];
        gpu.download(sums.memory(), MemorySegment.ofArray(sum));
        return sum[0];
    }

    @Override
    public void adamW(Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamWStep step, float gradientScale) {
        Checks.adamW(parameter, gradient, m, v, step);
        gpu.begin();
        gpu.kernels().launch("adamw").matrix(parameter).matrix(gradient).matrix(m).matrix(v)
                .shape(parameter.rows(), parameter.columns())
                .real(gradientScale)
                .real((float) (1 - step.learningRate() * step.weightDecay()))
                .real((float) step.beta1())
                .real((float) (1 - step.beta1()))
                .real((float) step.beta2())
                .real((float) (1 - step.beta2()))
                .real((float) (step.learningRate() / (1 - Math.pow(step.beta1(), step.step()))))
                .real((float) Math.sqrt(1 - Math.pow(step.beta2(), step.step())))
                .real((float) step.epsilon())
                .overElements(parameter.rows(), parameter.columns());
    }

    @Override
    public Scope newScope() {
        return new ArenaScope();
    }

    private final class ArenaScope implements Scope {

        private final DeviceArena outer = arena;
        private final DeviceArena inner = new DeviceArena(gpu);

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
    public void close() {
        lasting.close();
        gpu.close();
    }
}
