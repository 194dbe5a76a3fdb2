package dev.fenlei.engine.compute.cpu;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Backend.AdamWStep;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;
import javax.management.JMException;
import javax.management.ObjectName;

/// Times every operation but the matrix product at the shape of a small model, in processor time of the calling thread, so
/// that other work on the machine counts little, and prints the bytes allocated by a call on
/// the calling thread, which betray vectors that are boxed. Run it by hand; arguments: threads, seconds of warm-up
/// per operation, the beginning of the names to run.
final class CpuBenchmark {

    private static final int ROWS = 2000;
    private static final int HIDDEN = 256;
    private static final int FFN = 704;
    private static final int VOCABULARY = 8192;
    private static final int HEAD = 32;

    private final double seconds;
    private final String only;

    private CpuBenchmark(double seconds, String only) {
        this.seconds = seconds;
        this.only = only;
    }

    public static void main(String[] arguments) {
        int threads = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 1;
        double seconds = arguments.length > 1 ? Double.parseDouble(arguments[1]) : 0.5;
        System.out.printf("%d bits, %d threads%n", CpuBackend.vectorBits(), threads);
        try (CpuBackend backend = new CpuBackend(threads)) {
            new CpuBenchmark(seconds, arguments.length > 2 ? arguments[2] : "").run(backend);
        }
    }

    private void run(CpuBackend b) {
        Tensor x = normal(b, ROWS, HIDDEN);
        Tensor y = normal(b, ROWS, HIDDEN);
        Tensor z = normal(b, ROWS, HIDDEN);
        Tensor w = normal(b, 1, HIDDEN);
        Tensor inverse = normal(b, ROWS, 1);
        time("addBias", () -> b.addBias(y, w));
        time("biasBackward", () -> b.biasBackward(y, w));
        time("rmsNorm", () -> b.rmsNorm(x, w, 1e-6f, y, inverse));
        time("rmsNormBackward", () -> b.rmsNormBackward(y, x, w, inverse, z, null));
        time("rmsNormBackward with weight", () -> b.rmsNormBackward(y, x, w, inverse, z, w));
        Tensor cos = normal(b, 512, HEAD / 2);
        int[] positions = new Random(2).ints(ROWS, 0, 512).toArray();
        time("rotary", () -> b.rotary(x, positions, cos, cos, HEAD, false));
        time("dropout", () -> b.dropout(x, 0.1f, 7, false, y));
        time("dropout, accumulating", () -> b.dropout(x, 0.1f, 7, true, y));
        time("add", () -> b.add(x, 1e-9f, y));
        time("scale", () -> b.scale(y, 0.999f));
        time("sumOfSquares", () -> b.sumOfSquares(x));
        time("copy", () -> b.copy(x, y));
        Tensor half = b.allocate(DType.BF16, ROWS, HIDDEN);
        time("copy to BF16", () -> b.copy(x, half));
        time("copy from BF16", () -> b.copy(half, y));
        Tensor m = b.allocate(DType.F32, ROWS, HIDDEN);
        Tensor v = b.allocate(DType.F32, ROWS, HIDDEN);
        time("adamW", () -> b.adamW(y, x, m, v, new AdamWStep(1e-4, 0.9, 0.999, 1e-8, 0, 3), 1));

        Tensor gate = normal(b, ROWS, FFN);
        Tensor up = normal(b, ROWS, FFN);
        Tensor out = normal(b, ROWS, FFN);
        Tensor dGate = normal(b, ROWS, FFN);
        Tensor dUp = normal(b, ROWS, FFN);
        time("swiGlu", () -> b.swiGlu(gate, up, out));
        time("swiGluBackward", () -> b.swiGluBackward(out, gate, up, dGate, dUp));

        Tensor logits = normal(b, 64, VOCABULARY);
        Tensor losses = normal(b, 1, 64);
        int[] targets = new int[64];
        time("crossEntropy, 64 rows", () -> b.crossEntropy(logits, targets, VOCABULARY, 1, losses));
        time("logSoftmax, 64 rows", () -> b.logSoftmax(logits, VOCABULARY));

        Tensor table = normal(b, VOCABULARY, HIDDEN);
        int[] ids = new Random(3).ints(ROWS, 0, VOCABULARY).toArray();
        time("gatherRows", () -> b.gatherRows(table, ids, x));
        time("scatterAddRows", () -> b.scatterAddRows(x, ids, table));
        attention(b, 8, 32);
        attention(b, 4, 64);
    }

    private void attention(CpuBackend b, int heads, int d) {
        AttentionMask mask = AttentionMask.causal(0, 380, 200, 100, 320, 150, 250, 280, 320);
        Tensor q = normal(b, ROWS, heads * d);
        Tensor k = normal(b, ROWS, heads / 2 * d);
        Tensor v = normal(b, ROWS, heads / 2 * d);
        Tensor out = normal(b, ROWS, heads * d);
        Tensor sums = normal(b, ROWS, heads);
        Tensor dq = normal(b, ROWS, heads * d);
        Tensor dk = normal(b, ROWS, heads / 2 * d);
        Tensor dv = normal(b, ROWS, heads / 2 * d);
        String what = ", " + heads + " heads of " + d;
        time("attention" + what, () -> b.attention(q, k, v, null, null, mask, d, out, sums));
        time("attentionBackward" + what, () -> b.attentionBackward(q, q, k, v, out, sums, mask, d, dq, dk, dv));
    }

    private void time(String name, Runnable call) {
        if (!name.startsWith(only)) {
            return;
        }
        long end = nanos() + (long) (seconds * 1e9);
        while (nanos() < end) {
            call.run();
        }
        double[] millis = new double[15];
        long allocated = allocatedBytes();
        for (int i = 0; i < millis.length; i++) {
            long start = nanos();
            call.run();
            millis[i] = (nanos() - start) / 1e6;
        }
        allocated = allocatedBytes() - allocated;
        Arrays.sort(millis);
        System.out.printf("%-36s %8.3f ms (best %.3f) %9d bytes%n", name, millis[7], millis[0], allocated / 15);
    }

    private static long nanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }

    private static long allocatedBytes() {
        try {
            ObjectName threading = new ObjectName(ManagementFactory.THREAD_MXBEAN_NAME);
            return (Long) ManagementFactory.getPlatformMBeanServer()
                    .getAttribute(threading, "CurrentThreadAllocatedBytes");
        } catch (JMException e) {
            throw new IllegalStateException(e);
        }
    }

    private static Tensor normal(CpuBackend backend, int rows, int columns) {
        Random random = new Random(1);
        Tensor tensor = backend.allocate(DType.F32, rows, columns);
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                tensor.set(r, c, (float) random.nextGaussian());
            }
        }
        return tensor;
    }
}
