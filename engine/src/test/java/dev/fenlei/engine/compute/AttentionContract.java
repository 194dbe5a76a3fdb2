package dev.fenlei.engine.compute;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// What attention must do on every backend: agree with the reference, and with itself where the same rows are computed in
/// another arrangement.
public abstract class AttentionContract extends BackendFixture {

    private static final double TOLERANCE = 3e-6;

    private Pair[] attend(Pair q, Pair k, Pair v, AttentionMask mask, int d) {
        return attend(q, k, v, null, null, mask, d);
    }

    private Pair[] attend(Pair q, Pair k, Pair v, @Nullable Pair prefixKeys, @Nullable Pair prefixValues,
            AttentionMask mask, int d) {
        Pair out = output(mask.queryCount(), q.subject().columns());
        Pair sums = output(mask.queryCount(), q.subject().columns() / d);
        subject.attention(q.subject(), k.subject(), v.subject(), prefixKeys == null ? null : prefixKeys.subject(),
                prefixValues == null ? null : prefixValues.subject(), mask, d, out.subject(), sums.subject());
        reference.attention(q.reference(), k.reference(), v.reference(),
                prefixKeys == null ? null : prefixKeys.reference(),
                prefixValues == null ? null : prefixValues.reference(), mask, d, out.reference(), sums.reference());
        return new Pair[] {out, sums};
    }

    @Test
    void causalForwardAndBackward() {
        int[][] lengths = {{1}, {1, 1, 2}, {3, 5, 7}, {8, 15, 16, 17}, {31, 33}, {63, 1, 65}, {129}};
        int[] dims = {1, 12, 16, 20, 32, 33, 64, 128};
        for (int[] length : lengths) {
            AttentionMask mask = AttentionMask.causal(0, length);
            int d = dims[random.nextInt(dims.length)];
            for (int group = 1; group <= 3; group++) {
                check(mask, d, 2 * group, 2);
            }
        }
        for (int d : dims) {
            check(AttentionMask.causal(0, 9, 40), d, 2, 1);
        }
    }

    /// Windows shorter than a vector, than a block of queries and than the sequences, and longer.
    @Test
    void windowedForwardAndBackward() {
        for (int window : new int[] {1, 2, 5, 16, 17, 31, 64, 127, 129, 1000}) {
            check(AttentionMask.causal(0, 3, 129, 1, 70).within(window), 20, 6, 2);
        }
    }

    /// A few rows that ask, as the label rows of the last layer: some sequences with none, one with more than a block.
    @Test
    void someQueriesForwardAndBackward() {
        AttentionMask mask = AttentionMask.causal(0, 5, 70, 33, 1, 129);
        int[] last = {4, 73, 74, 107, 237};
        int[] many = IntStream.range(120, 230).filter(row -> row % 3 != 0).toArray();
        for (int[] queries : new int[][] {last, many, {0}, {}}) {
            check(mask.withQueries(queries), 20, 6, 2);
            check(mask.within(17).withQueries(queries), 32, 2, 1);
        }
    }

    @Test
    void aWindowAsLongAsTheSequenceChangesNoBit() {
        AttentionMask mask = AttentionMask.causal(0, 70, 40);
        Pair q = normal(110, 32);
        Pair k = normal(110, 16);
        Pair v = normal(110, 16);
        float[] unlimited = read(attend(q, k, v, mask, 16)[0].subject());
        assertThat(read(attend(q, k, v, mask.within(70), 16)[0].subject())).isEqualTo(unlimited);
    }

    private void check(AttentionMask mask, int d, int heads, int keyValueHeads) {
        int rows = mask.rows();
        String what = " " + rows + " rows, " + mask.queryCount() + " queries, head " + d + ", heads " + heads + "/"
                + keyValueHeads + ", window "
                + mask.window();
        int queries = mask.queryCount();
        Pair q = normal(queries, heads * d);
        Pair k = normal(rows, keyValueHeads * d);
        Pair v = normal(rows, keyValueHeads * d);
        Pair[] result = attend(q, k, v, mask, d);
        assertSame(result[0], TOLERANCE, "attention" + what);
        assertSame(result[1], TOLERANCE, "logSumExp" + what);

        Pair dOut = normal(queries, heads * d);
        Pair dq = output(queries, heads * d);
        Pair dk = output(rows, keyValueHeads * d);
        Pair dv = output(rows, keyValueHeads * d);
        subject.attentionBackward(dOut.subject(), q.subject(), k.subject(), v.subject(), result[0].subject(),
                result[1].subject(), mask, d, dq.subject(), dk.subject(), dv.subject());
        reference.attentionBackward(dOut.reference(), q.reference(), k.reference(), v.reference(),
                result[0].reference(), result[1].reference(), mask, d, dq.reference(), dk.reference(),
                dv.reference());
        assertSame(dv, 1e-5, "dv" + what);
        // dOut·v − Σ dOut∘out is 0 for a row with one key, and the difference of two sums of size √d for all.
        assertClose(read(dk.subject()), dk.reference().toArray(), 5e-6, 1, "dk" + what);
        assertClose(read(dq.subject()), dq.reference().toArray(), 5e-6, 1, "dq" + what);
        // out is linear in v: ⟨A v, dOut⟩ = ⟨v, Aᵀ dOut⟩
        double forward = dot(read(result[0].subject()), read(dOut.subject()));
        double backward = dot(read(v.subject()), read(dv.subject()));
        assertThat(backward).as("adjoint" + what).isCloseTo(forward, within(1e-4 * rows * Math.sqrt(d)));
    }

    @Test
    void largeScoresDoNotOverflow() {
        AttentionMask mask = AttentionMask.causal(0, 40);
        Pair q = normal(40, 32);
        Pair k = normal(40, 16);
        Pair v = normal(40, 16);
        subject.scale(q.subject(), 300);
        reference.scale(q.reference(), 300);
        assertSame(attend(q, k, v, mask, 16)[0], 2e-3, "attention with scores of hundreds");
    }

    @Test
    void prefixIsTheBeginningOfACausalSequence() {
        for (int prefix : new int[] {1, 15, 16, 33, 100}) {
            for (int own : new int[] {1, 2, 5, 40}) {
                for (int window : new int[] {AttentionMask.UNLIMITED, 1, 4, 18, 90}) {
                    checkPrefix(prefix, own, window, 20);
                    checkPrefix(prefix, own, window, 80);
                }
            }
        }
    }

    private void checkPrefix(int prefix, int own, int window, int d) {
        int rows = prefix + own;
        Pair q = normal(rows, 4 * d);
        Pair k = normal(rows, 2 * d);
        Pair v = normal(rows, 2 * d);
        String what = "prefix " + prefix + ", window " + window;
        Pair[] whole = attend(q, k, v, AttentionMask.causal(0, rows).within(window), d);
        Pair[] suffix = attend(
                rows(q, prefix, rows), rows(k, prefix, rows), rows(v, prefix, rows), rows(k, 0, prefix),
                rows(v, 0, prefix), AttentionMask.causal(prefix, own).within(window), d);
        assertSame(suffix[0], TOLERANCE, what + " against the reference");
        assertClose(read(suffix[0].subject()), read(whole[0].subject().rows(prefix, rows)), TOLERANCE,
                what + " against one sequence");
        assertClose(read(suffix[1].subject()), read(whole[1].subject().rows(prefix, rows)), TOLERANCE,
                what + ", logSumExp");
    }

    @Test
    void eachPathOfATreeIsACausalSequence() {
        for (int prefix : new int[] {0, 7}) {
            for (int linear : new int[] {0, 1, 18, 45}) {
                for (int window : new int[] {AttentionMask.UNLIMITED, 1, 3, 20, 50}) {
                    checkTree(prefix, linear, window);
                }
            }
        }
    }

    /// Two sequences, each with a random tree behind its linear rows.
    private void checkTree(int prefix, int linear, int window) {
        int d = 12;
        int nodes = 41;
        int length = linear + nodes;
        int[] start = new int[2 * length];
        int[] end = new int[2 * length];
        int[] parent = new int[2 * length];
        for (int row = 0; row < 2 * length; row++) {
            int first = row / length * length;
            int node = row - first - linear;
            start[row] = first;
            end[row] = Math.min(row + 1, first + linear);
            int above = node <= 0 ? -1 : random.nextInt(-1, node);
            parent[row] = node < 0 ? AttentionMask.LINEAR : above < 0 ? AttentionMask.ROOT : first + linear + above;
        }
        AttentionMask mask = new AttentionMask(prefix, start, end, parent).within(window);
        Pair q = normal(2 * length, 4 * d);
        Pair k = normal(2 * length, 2 * d);
        Pair v = normal(2 * length, 2 * d);
        Pair prefixKeys = normal(prefix, 2 * d);
        Pair prefixValues = normal(prefix, 2 * d);
        Pair[] result = attend(q, k, v, prefixKeys, prefixValues, mask, d);
        String what = "tree with prefix " + prefix + ", " + linear + " rows and window " + window;
        assertSame(result[0], TOLERANCE, what);
        assertSame(result[1], TOLERANCE, what + ", logSumExp");
        for (int row : new int[] {length - 1, 2 * length - 1}) {
            int[] path = path(mask, row);
            Pair[] alone = attend(pick(q, path), pick(k, path), pick(v, path), prefixKeys, prefixValues,
                    AttentionMask.causal(prefix, path.length).within(window), d);
            float[] last = read(alone[0].subject().row(path.length - 1));
            assertClose(read(result[0].subject().row(row)), last, TOLERANCE, what + ", path to " + row);
        }
    }

    private static int[] path(AttentionMask mask, int row) {
        List<Integer> rows = new ArrayList<>();
        for (int node = row; node >= 0; node = mask.parent()[node]) {
            rows.addFirst(node);
        }
        for (int linear = mask.linearEnd()[row] - 1; linear >= mask.sequenceStart()[row]; linear--) {
            rows.addFirst(linear);
        }
        return rows.stream().mapToInt(Integer::intValue).toArray();
    }

    private Pair pick(Pair from, int[] rows) {
        Pair to = output(rows.length, from.subject().columns());
        subject.gatherRows(from.subject(), rows, to.subject());
        reference.gatherRows(from.reference(), rows, to.reference());
        return to;
    }

    private static Pair rows(Pair pair, int from, int to) {
        return new Pair(pair.subject().rows(from, to), pair.reference().rows(from, to));
    }

    /// Attention of no rows at all is allowed.
    @Test
    void noRows() {
        Tensor none = subject.allocate(DType.F32, 0, 16);
        Tensor sums = subject.allocate(DType.F32, 0, 1);
        subject.attention(none, none, none, null, null, AttentionMask.causal(0), 16, none, sums);
    }
}
