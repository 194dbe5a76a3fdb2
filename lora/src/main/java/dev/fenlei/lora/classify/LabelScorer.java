package dev.fenlei.lora.classify;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.KeyValueCache;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/// Log-probabilities of whole labels: for each label the sum over its tokens and the end token, given the prompt.
///
/// A batch of prompts and the tries of their labels go through the model in one pass: the label tokens are tree rows that
/// see their prompt and their ancestors. What all prompts begin with is computed once and kept. Logits are computed only
/// for the last row of each prompt and for the label rows.
public final class LabelScorer implements AutoCloseable {

    /// Rows that go through the model together, unless one query alone needs more.
    private static final int BATCH_ROWS = 2048;

    /// Rows of logits at a time.
    private static final int LOGIT_ROWS = 256;

    /// A prompt and the labels to score.
    ///
    /// @param prompt the tokens behind the common prefix; at least one
    /// @param labels the tokens of each label, without end token; at least one each
    public record Query(int[] prompt, List<int[]> labels) {

        public Query {
            labels = List.copyOf(labels);
            if (prompt.length == 0 || labels.isEmpty() || labels.stream().anyMatch(label -> label.length == 0)) {
                throw new IllegalArgumentException("a prompt, a label set and every label need at least one token");
            }
        }
    }

    private record Item(Query query, LabelTrie trie, int index) {

        int rows() {
            return query.prompt().length + trie.rows();
        }

        /// The rows that predict something: the last of the prompt and those of the trie.
        int nodes() {
            return trie.rows() + 1;
        }
    }

    private final Decoder decoder;
    private final int endToken;
    private final int prefixLength;
    private final Workspace workspace;
    private final Workspace prefixMemory;
    private final @Nullable KeyValueCache prefix;

    /// Computes the common prefix.
    ///
    /// @param prefix what every prompt begins with; may be empty
    /// @param endToken the token that must follow a label
    public LabelScorer(Decoder decoder, int[] prefix, int endToken) {
        this.decoder = decoder;
        this.endToken = endToken;
        this.prefixLength = prefix.length;
        this.workspace = decoder.backend().newWorkspace();
        this.prefixMemory = decoder.backend().newWorkspace();
        if (prefix.length == 0) {
            this.prefix = null;
        } else {
            KeyValueCache cache = new KeyValueCache(prefixMemory, decoder.config(), prefix.length);
            decoder.forward(Pass.inference(decoder.backend(), workspace),
                    Batch.sequence(0, prefix).withOutputs(prefix.length - 1),
                    cache);
            this.prefix = cache.frozen();
        }
    }

    /// Scores all labels of all queries.
    ///
    /// @return for each query the log-probability of each of its labels, natural logarithm
    public List<double[]> score(List<Query> queries) {
        double[][] scores = new double[queries.size()][];
        List<Item> batch = new ArrayList<>();
        int rows = 0;
        for (int i = 0; i < scores.length; i++) {
            Item item = new Item(queries.get(i), new LabelTrie(queries.get(i).labels()), i);
            if (!batch.isEmpty() && rows + item.rows() > BATCH_ROWS) {
                scoreBatch(batch, scores);
                batch.clear();
                rows = 0;
            }
            batch.add(item);
            rows += item.rows();
        }
        if (!batch.isEmpty()) {
            scoreBatch(batch, scores);
        }
        return Arrays.asList(scores);
    }

    private void scoreBatch(List<Item> items, double[][] scores) {
        workspace.reset();
        Pass pass = Pass.inference(decoder.backend(), workspace);
        Tensor hidden = decoder.forward(pass, batch(items), prefix);
        List<NodeScores> nodes = nodeScores(pass, hidden, items);
        for (int i = 0; i < items.size(); i++) {
            scores[items.get(i).index()] = labelScores(nodes.get(i), items.get(i).trie());
        }
    }

    private Batch batch(List<Item> items) {
        int rows = items.stream().mapToInt(Item::rows).sum();
        int[] ids = new int[rows];
        int[] positions = new int[rows];
        int[] start = new int[rows];
        int[] linearEnd = new int[rows];
        int[] parent = new int[rows];
        int[] outputs = new int[items.stream().mapToInt(Item::nodes).sum()];
        int output = 0;
        int row = 0;
        for (Item item : items) {
            int[] prompt = item.query().prompt();
            int first = row;
            for (int i = 0; i < prompt.length; i++, row++) {
                ids[row] = prompt[i];
                positions[row] = prefixLength + i;
                start[row] = first;
                linearEnd[row] = row + 1;
                parent[row] = AttentionMask.LINEAR;
            }
            int tree = row;
            outputs[output++] = tree - 1;
            LabelTrie trie = item.trie();
            for (int i = 0; i < trie.rows(); i++, row++) {
                outputs[output++] = row;
                ids[row] = trie.token(i);
                positions[row] = prefixLength + prompt.length - 1 + trie.depth(i);
                start[row] = first;
                linearEnd[row] = tree;
                parent[row] = trie.parent(i) == AttentionMask.ROOT ? AttentionMask.ROOT : tree + trie.parent(i);
            }
        }
        return new Batch(ids, positions, new AttentionMask(prefixLength, start, linearEnd, parent), outputs);
    }

    /// For each node of the trie the log-probability of its token, and of the end token behind it.
    private record NodeScores(double[] token, double[] end) {
        static NodeScores of(int nodes) {
            return new NodeScores(new double[nodes], new double[nodes]);
        }
    }

    /// The scores of each item. Rows of several items make their logits together, as reading the head takes longer than
    /// multiplying by a few rows.
    private List<NodeScores> nodeScores(Pass pass, Tensor hidden, List<Item> items) {
        List<NodeScores> scores = items.stream().map(item -> NodeScores.of(item.nodes())).toList();
        for (int from = 0; from < hidden.rows(); from += LOGIT_ROWS) {
            Workspace.Mark mark = workspace.mark();
            int[] rows = IntStream.range(from, Math.min(hidden.rows(), from + LOGIT_ROWS)).toArray();
            Tensor logits = decoder.logits(pass, hidden, rows);
            decoder.backend().logSoftmax(logits, logits.columns());
            int first = 0;
            for (int i = 0; i < items.size(); i++) {
                take(logits, first - from, items.get(i), scores.get(i));
                first += items.get(i).nodes();
            }
            workspace.release(mark);
        }
        return scores;
    }

    /// Takes what some rows of log-probabilities say of an item.
    ///
    /// @param first the row of its first node, which may lie before or behind these
    private void take(Tensor logits, int first, Item item, NodeScores scores) {
        LabelTrie trie = item.trie();
        int[] nodes = IntStream.range(Math.max(0, -first), Math.min(item.nodes(), logits.rows() - first)).toArray();
        int[] endTokens = new int[nodes.length];
        Arrays.fill(endTokens, endToken);
        float[] ends = decoder.backend().pick(logits, Arrays.stream(nodes).map(node -> first + node).toArray(),
                endTokens);
        for (int i = 0; i < nodes.length; i++) {
            scores.end()[nodes[i]] = ends[i];
        }
        IntUnaryOperator parent = row -> first + (trie.parent(row) == AttentionMask.ROOT ? 0 : trie.parent(row) + 1);
        int[] children = IntStream.range(0, trie.rows())
                .filter(row -> parent.applyAsInt(row) >= 0 && parent.applyAsInt(row) < logits.rows())
                .toArray();
        float[] tokens = decoder.backend()
                .pick(
                        logits, Arrays.stream(children).map(parent).toArray(),
                        Arrays.stream(children).map(trie::token).toArray());
        for (int i = 0; i < children.length; i++) {
            scores.token()[children[i] + 1] = tokens[i];
        }
    }

    private static double[] labelScores(NodeScores nodes, LabelTrie trie) {
        double[] scores = new double[trie.labels()];
        for (int label = 0; label < scores.length; label++) {
            int[] path = trie.path(label);
            for (int node : path) {
                scores[label] += nodes.token()[node];
            }
            scores[label] += nodes.end()[path[path.length - 1]];
        }
        return scores;
    }

    @Override
    public void close() {
        workspace.close();
        prefixMemory.close();
    }
}
