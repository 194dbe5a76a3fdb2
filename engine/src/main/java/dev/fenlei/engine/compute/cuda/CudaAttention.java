package dev.fenlei.engine.compute.cuda;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// Attention as products of matrices with a softmax between them, sequence by sequence and for as many queries at a time as the
/// scores have room. Heads lie side by side in a row, so that one batched product takes all heads that read different
/// key-value heads, without moving anything.
final class CudaAttention {

    /// Bytes of scores and weights at a time.
    private static final long SCORE_BYTES = 256L << 20;

    /// With so few queries, converting the keys would take longer than multiplying by them as they are.
    private static final int FEW_QUERIES = 16;

    /// Numbers of what a query sees; see `attention.cuh`.
    private static final int SIGHT = 6;

    private static final int WARP = 32;

    /// Keys that a thread of the softmax takes at least: sums over threads cost more than a few more keys for each.
    private static final int KEYS_OF_THREAD = 4;

    private final Gpu gpu;
    private final Precision precision;

    CudaAttention(Gpu gpu, Precision precision) {
        this.gpu = gpu;
        this.precision = precision;
    }

    /// What the steps of one call share.
    ///
    /// @param headDim d
    /// @param heads of the queries
    /// @param group query heads that share a key-value head
    /// @param prefix rows of the prefix
    /// @param type of the operands of products
    private record Shape(int headDim, int heads, int group, int prefix, DType type) {

        int keyValueHeads() {
            return heads / group;
        }

        /// The columns of a head of every group: the member's in the first group, d wide.
        Tensor queryHead(Tensor x, int member) {
            return x.columns(member * headDim, (member + 1) * headDim);
        }

        Tensor keyHead(Tensor x) {
            return x.columns(0, headDim);
        }

        /// The distance of the heads that [#queryHead] stands for.
        long queryStride() {
            return (long) group * headDim;
        }
    }

    /// Some queries of one sequence.
    ///
    /// @param from the first row of their sequence in k and v
    /// @param to the end of the rows that any of them sees
    /// @param queryFrom the first of them in q
    /// @param queryTo their end in q
    private record Chunk(int from, int to, int queryFrom, int queryTo) {

        int queries() {
            return queryTo - queryFrom;
        }

        int rows() {
            return to - from;
        }
    }

    @FunctionalInterface
    private interface Step {
        void run(Chunk chunk, long sights, long parents);
    }

    private Shape shape(Tensor q, Tensor k, AttentionMask mask, int headDim) {
        boolean few = mask.queryCount() <= FEW_QUERIES;
        return new Shape(
                headDim, q.columns() / headDim, q.columns() / k.columns(), mask.prefixLength(),
                precision == Precision.BF16 && !few ? DType.BF16 : DType.F32);
    }

    void forward(
            Tensor q, Tensor k, Tensor v, @Nullable Tensor prefixKeys, @Nullable Tensor prefixValues,
            AttentionMask mask, int headDim, Tensor out, Tensor logSumExp) {
        Shape shape = shape(q, k, mask, headDim);
        Tensor asked = gpu.as(shape.type(), q);
        Tensor keys = gpu.as(shape.type(), k);
        Tensor values = gpu.as(shape.type(), v);
        Tensor earlierKeys = earlier(shape, prefixKeys);
        Tensor earlierValues = earlier(shape, prefixValues);
        int bytesPerScore = shape.type() == DType.F32 ? 4 : 6;
        forEachChunk(mask, shape, bytesPerScore, (chunk, sights, parents) -> {
            int keyCount = shape.prefix() + chunk.rows();
            Tensor scores = scores(shape, chunk, asked, keys, earlierKeys);
            Tensor weights = shape.type() == DType.F32
                    ? scores
                    : gpu.scratch().take(
                            shape.type(), scores.rows(), scores.columns());
            gpu.kernels().launch("attention_softmax").vector(scores).typedVector(weights).wide(scores.stride())
                    .wide(sights).wide(parents).integer(shape.prefix()).integer(keyCount).integer(chunk.queries())
                    .matrix(logSumExp)
                    .run(chunk.queries(), shape.heads(), threadsFor(keyCount));
            Tensor outRows = out.rows(chunk.queryFrom(), chunk.queryTo());
            for (int member = 0; member < shape.group(); member++) {
                Tensor output = shape.queryHead(outRows, member);
                Tensor own = values.rows(chunk.from(), chunk.to());
                if (earlierValues != null) {
                    weighted(shape, chunk, weights, member, 0, earlierValues, 0, output);
                }
                weighted(shape, chunk, weights, member, shape.prefix(), own, earlierValues == null ? 0 : 1, output);
            }
        });
    }

    private @Nullable Tensor earlier(Shape shape, @Nullable Tensor prefix) {
        return prefix == null || shape.prefix() == 0 ? null : gpu.as(shape.type(), prefix.rows(0, shape.prefix()));
    }

    /// The scores of a chunk: rows `head · queries + query`, each first the keys of the prefix, then the chunk's own.
    private Tensor scores(Shape shape, Chunk chunk, Tensor q, Tensor k, @Nullable Tensor prefixKeys) {
        int columns = Gpu.paddedStride(shape.prefix() + chunk.rows());
        Tensor scores = gpu.scratch().take(shape.heads() * chunk.queries(), columns);
        Tensor queries = q.rows(chunk.queryFrom(), chunk.queryTo());
        for (int member = 0; member < shape.group(); member++) {
            if (prefixKeys != null) {
                againstKeys(shape, chunk, queries, member, prefixKeys, scores, 0);
            }
            againstKeys(shape, chunk, queries, member, k.rows(chunk.from(), chunk.to()), scores, shape.prefix());
        }
        return scores;
    }

    /// `scores = q · kᵀ / √d` for one head of every group.
    private void againstKeys(
            Shape shape, Chunk chunk, Tensor q, int member, Tensor k, Tensor scores, int column) {
        gpu.multiplyBatch(
                shape.queryHead(q, member), shape.queryStride(), false, shape.keyHead(k), shape.headDim(), true,
                shape.headDim(), scale(shape), 0, part(chunk, scores, member, column, k.rows()),
                headStride(shape, chunk, scores), shape.keyValueHeads());
    }

    /// `out = weights · v + beta · out` for one head of every group.
    private void weighted(
            Shape shape, Chunk chunk, Tensor weights, int member, int column, Tensor v, float beta, Tensor out) {
        gpu.multiplyBatch(
                part(chunk, weights, member, column, v.rows()), headStride(shape, chunk, weights), false,
                shape.keyHead(v), shape.headDim(), false, v.rows(), 1, beta, out, shape.queryStride(),
                shape.keyValueHeads());
    }

    /// The scores or weights of the first group's member over some keys.
    private static Tensor part(Chunk chunk, Tensor scores, int member, int column, int keys) {
        return scores.rows(member * chunk.queries(), (member + 1) * chunk.queries()).columns(column, column + keys);
    }

    /// The distance of the same member's scores in consecutive groups.
    private static long headStride(Shape shape, Chunk chunk, Tensor scores) {
        return (long) shape.group() * chunk.queries() * scores.stride();
    }

    private static int threadsFor(int keys) {
        return Kernels.threadsFor(Math.ceilDiv(keys, KEYS_OF_THREAD));
    }

    private static float scale(Shape shape) {
        return (float) (1 / Math.sqrt(shape.headDim()));
    }

    void backward(
            Tensor dOut, Tensor q, Tensor k, Tensor v, Tensor out, Tensor logSumExp, AttentionMask mask, int headDim,
            Tensor dq, Tensor dk, Tensor dv) {
        Shape shape = shape(q, k, mask, headDim);
        Tensor deltas = gpu.scratch().take(q.rows(), shape.heads());
        gpu.kernels().launch("head_dots").matrix(dOut).matrix(out).integer(headDim).matrix(deltas)
                .run(q.rows(), shape.heads(), WARP);
        for (Tensor gradient : new Tensor[] {dk, dv}) {
            gpu.kernels().launch("fill").matrix(gradient).shape(gradient.rows(), gradient.columns()).real(0)
                    .overElements(gradient.rows(), gradient.columns());
        }
        Tensor asked = gpu.as(shape.type(), q);
        Tensor keys = gpu.as(shape.type(), k);
        Tensor values = gpu.as(shape.type(), v);
        Tensor gradients = gpu.as(shape.type(), dOut);
        int bytesPerScore = shape.type() == DType.F32 ? 8 : 12;
        forEachChunk(mask, shape, bytesPerScore, (chunk, sights, parents) -> {
            Tensor scores = scores(shape, chunk, asked, keys, null);
            Tensor ownKeys = keys.rows(chunk.from(), chunk.to());
            Tensor dOutRows = gradients.rows(chunk.queryFrom(), chunk.queryTo());
            Tensor dWeights = gpu.scratch().take(scores.rows(), scores.columns());
            for (int member = 0; member < shape.group(); member++) {
                gpu.multiplyBatch(
                        shape.queryHead(dOutRows, member), shape.queryStride(), false,
                        shape.keyHead(values.rows(chunk.from(), chunk.to())), headDim, true, headDim, 1, 0,
                        part(chunk, dWeights, member, 0, chunk.rows()), headStride(shape, chunk, dWeights),
                        shape.keyValueHeads());
            }
            boolean narrow = shape.type() != DType.F32;
            Tensor weights = narrow ? gpu.scratch().take(shape.type(), scores.rows(), scores.columns()) : scores;
            Tensor dScores = narrow ? gpu.scratch().take(shape.type(), scores.rows(), scores.columns()) : dWeights;
            gpu.kernels().launch("attention_softmax_backward").vector(scores).vector(dWeights).vector(weights)
                    .typedVector(dScores).wide(scores.stride()).wide(sights).wide(parents).integer(chunk.rows())
                    .integer(chunk.queries()).matrix(logSumExp).matrix(deltas)
                    .run(chunk.queries(), shape.heads(), threadsFor(chunk.rows()));
            Tensor queries = asked.rows(chunk.queryFrom(), chunk.queryTo());
            Tensor dQueries = dq.rows(chunk.queryFrom(), chunk.queryTo());
            Tensor dKeys = shape.keyHead(dk.rows(chunk.from(), chunk.to()));
            Tensor dValues = shape.keyHead(dv.rows(chunk.from(), chunk.to()));
            for (int member = 0; member < shape.group(); member++) {
                Tensor memberScores = part(chunk, dScores, member, 0, chunk.rows());
                long stride = headStride(shape, chunk, dScores);
                gpu.multiplyBatch(
                        part(chunk, weights, member, 0, chunk.rows()), stride, true,
                        shape.queryHead(dOutRows, member), shape.queryStride(), false, chunk.queries(), 1, 1, dValues,
                        headDim, shape.keyValueHeads());
                gpu.multiplyBatch(
                        memberScores, stride, false, shape.keyHead(ownKeys), headDim, false, chunk.rows(),
                        scale(shape), 0, shape.queryHead(dQueries, member), shape.queryStride(),
                        shape.keyValueHeads());
                gpu.multiplyBatch(
                        memberScores, stride, true, shape.queryHead(queries, member), shape.queryStride(), false,
                        chunk.queries(), scale(shape), 1, dKeys, headDim, shape.keyValueHeads());
            }
        });
    }

    /// Cuts the queries of every sequence into chunks whose scores have room.
    private void forEachChunk(AttentionMask mask, Shape shape, int bytesPerScore, Step step) {
        int queries = mask.queryCount();
        int query = 0;
        while (query < queries) {
            int from = mask.sequenceStart()[mask.queryRow(query)];
            int sequenceEnd = query;
            while (sequenceEnd < queries && mask.sequenceStart()[mask.queryRow(sequenceEnd)] == from) {
                sequenceEnd++;
            }
            long keys = Gpu.paddedStride(shape.prefix() + mask.queryRow(sequenceEnd - 1) + 1 - from);
            int room = (int) Math.clamp(SCORE_BYTES / (keys * shape.heads() * bytesPerScore), 1, queries);
            for (; query < sequenceEnd; query = Math.min(sequenceEnd, query + room)) {
                int end = Math.min(sequenceEnd, query + room);
                Chunk chunk = new Chunk(from, mask.queryRow(end - 1) + 1, query, end);
                Workspace.Mark mark = gpu.scratch().mark();
                step.run(chunk, gpu.integers(sights(mask, chunk)), gpu.integers(parents(mask, chunk)));
                gpu.scratch().release(mark);
            }
        }
    }

    private static int[] sights(AttentionMask mask, Chunk chunk) {
        int[] sights = new int[chunk.queries() * SIGHT];
        for (int query = chunk.queryFrom(), i = 0; query < chunk.queryTo(); query++) {
            int row = mask.queryRow(query);
            sights[i++] = mask.prefixStart(row);
            sights[i++] = mask.linearStart(row) - chunk.from();
            sights[i++] = mask.linearEnd()[row] - chunk.from();
            sights[i++] = row - chunk.from();
            sights[i++] = mask.treeRows(row);
            sights[i++] = query;
        }
        return sights;
    }

    /// The parents of the chunk's rows, counted from its first; those of no tree row are never asked for.
    private static int[] parents(AttentionMask mask, Chunk chunk) {
        return Arrays.stream(mask.parent(), chunk.from(), chunk.to()).map(parent -> Math.max(0, parent - chunk.from()))
                .toArray();
    }
}
