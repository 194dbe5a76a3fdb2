package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// Every operation at the shapes of a training step of Qwen1.5-0.5B: four examples of 345 tokens, packed.
///
/// `mvn -q -pl engine test-compile exec:exec@benchmark -Dbenchmark=attention` runs those whose names contain `attention`; the
/// bytes allocated by a call stand beside the times and betray vectors that are boxed.
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class KernelBenchmark {

    private static final int EXAMPLE = 345;
    private static final int ROWS = 4 * EXAMPLE;
    private static final int HIDDEN = 1024;
    private static final int FFN = 2816;
    private static final int RANK = 8;
    private static final int HEAD = 64;
    private static final int VOCABULARY = 151936;
    private static final int LABEL_ROWS = 16;

    /// What products are computed in.
    @Param({"F32", "BF16"})
    public Precision precision = Precision.F32;

    private final int[] positions = new int[ROWS];
    private final int[] ids = new Random(3).ints(ROWS, 0, VOCABULARY).toArray();
    private final int[] targets = new int[LABEL_ROWS];
    private final AttentionMask mask = AttentionMask.causal(0, EXAMPLE, EXAMPLE, EXAMPLE, EXAMPLE);
    private final AttentionMask next = AttentionMask.causal(EXAMPLE, 1);

    private Backend backend = new CpuBackend(1);
    private Tensor[] hidden = new Tensor[6];
    private Tensor[] inner = new Tensor[5];
    private Tensor square = empty();
    private Tensor quantised = empty();
    private Tensor wide = empty();
    private Tensor table = empty();
    private Tensor half = empty();
    private Tensor logits = empty();
    private Tensor losses = empty();
    private Tensor down = empty();
    private Tensor up = empty();
    private Tensor upGradient = empty();
    private Tensor low = empty();
    private Tensor factors = empty();
    private Tensor inverse = empty();
    private Tensor angles = empty();
    private Tensor sums = empty();

    private static Tensor empty() {
        return Tensor.of(MemorySegment.NULL, DType.F32, 0, 0);
    }

    /// Fills the tensors.
    @Setup
    public void fill() {
        backend.close();
        backend = new CpuBackend(CpuBackend.defaultThreads(), precision);
        for (int i = 0; i < ROWS; i++) {
            positions[i] = i % EXAMPLE;
        }
        for (int i = 0; i < hidden.length; i++) {
            hidden[i] = normal(DType.F32, ROWS, HIDDEN);
        }
        for (int i = 0; i < inner.length; i++) {
            inner[i] = normal(DType.F32, ROWS, FFN);
        }
        square = normal(DType.BF16, HIDDEN, HIDDEN);
        quantised = normal(DType.I8, HIDDEN, HIDDEN);
        wide = normal(DType.BF16, FFN, HIDDEN);
        table = backend.allocate(DType.BF16, VOCABULARY, HIDDEN);
        half = normal(DType.BF16, ROWS, HIDDEN);
        logits = normal(DType.F32, LABEL_ROWS, VOCABULARY);
        losses = normal(DType.F32, 1, LABEL_ROWS);
        down = normal(DType.F32, RANK, HIDDEN);
        up = normal(DType.F32, HIDDEN, RANK);
        upGradient = normal(DType.F32, HIDDEN, RANK);
        low = normal(DType.F32, ROWS, RANK);
        factors = normal(DType.F32, 1, HIDDEN);
        inverse = normal(DType.F32, ROWS, 1);
        angles = normal(DType.F32, EXAMPLE, HEAD / 2);
        sums = normal(DType.F32, ROWS, HIDDEN / HEAD);
    }

    /// Ends the threads.
    @TearDown
    public void close() {
        backend.close();
    }

    private Tensor normal(DType dtype, int rows, int columns) {
        Random random = new Random(1);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Tensor tensor = backend.allocate(dtype, rows, columns);
        tensor.copyFrom(values);
        return tensor;
    }

    @Benchmark
    public void matmulForward() {
        backend.matmul(hidden[0], false, wide, true, 1, 0, inner[0]);
    }

    @Benchmark
    public void matmulForwardInt8() {
        backend.matmul(hidden[0], false, quantised, true, 1, 0, hidden[1]);
    }

    @Benchmark
    public void matmulInputGradient() {
        backend.matmul(inner[0], false, wide, false, 1, 0, hidden[1]);
    }

    @Benchmark
    public void matmulOneRow() {
        backend.matmul(hidden[0].row(0), false, table, true, 1, 0, logits.row(0));
    }

    @Benchmark
    public void lowRankMatmul() {
        backend.lowRankMatmul(hidden[0], square, low, up, true, 0, hidden[1]);
    }

    @Benchmark
    public void loraDown() {
        backend.matmul(hidden[0], false, down, true, 1, 0, low);
    }

    @Benchmark
    public void loraUpGradient() {
        backend.matmul(hidden[0], true, low, false, 1, 1, upGradient);
    }

    @Benchmark
    public void attention() {
        backend.attention(hidden[0], hidden[1], hidden[2], null, null, mask, HEAD, hidden[3], sums);
    }

    @Benchmark
    public void attentionBackward() {
        backend.attentionBackward(
                hidden[3], hidden[0], hidden[1], hidden[2], hidden[3], sums, mask, HEAD, hidden[4], hidden[5],
                hidden[3]);
    }

    @Benchmark
    public void attentionOneRow() {
        backend.attention(
                hidden[0].row(0), hidden[1].row(0), hidden[2].row(0), hidden[1].rows(1, EXAMPLE + 1),
                hidden[2].rows(1, EXAMPLE + 1), next, HEAD, hidden[3].row(0), sums.row(0));
    }

    @Benchmark
    public void rmsNorm() {
        backend.rmsNorm(hidden[0], factors, 1e-6f, hidden[1], inverse);
    }

    @Benchmark
    public void rmsNormBackward() {
        backend.rmsNormBackward(hidden[0], hidden[1], factors, inverse, hidden[2], null);
    }

    @Benchmark
    public void rotary() {
        backend.rotary(hidden[0], positions, angles, angles, HEAD, false);
    }

    @Benchmark
    public void swiGlu() {
        backend.swiGlu(inner[0], inner[1], inner[2]);
    }

    @Benchmark
    public void swiGluBackward() {
        backend.swiGluBackward(inner[2], inner[0], inner[1], inner[3], inner[4]);
    }

    @Benchmark
    public void dropout() {
        backend.dropout(hidden[0], 0.1f, 7, false, hidden[1]);
    }

    @Benchmark
    public void crossEntropy() {
        backend.crossEntropy(logits, targets, VOCABULARY, 1, losses);
    }

    @Benchmark
    public void gatherRows() {
        backend.gatherRows(table, ids, hidden[0]);
    }

    @Benchmark
    public void addBias() {
        backend.addBias(hidden[0], factors);
    }

    @Benchmark
    public void add() {
        backend.add(hidden[0], 1e-9f, hidden[1]);
    }

    @Benchmark
    public void copyToBF16() {
        backend.copy(hidden[0], half);
    }

    @Benchmark
    public double sumOfSquares() {
        return backend.sumOfSquares(hidden[0]);
    }

    @Benchmark
    public void adamW() {
        backend.adamW(
                hidden[1], hidden[0], hidden[2], hidden[3], new Backend.AdamWStep(1e-4, 0.9, 0.999, 1e-8, 0, 3), 1);
    }
}
