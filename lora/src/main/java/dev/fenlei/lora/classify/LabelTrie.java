package dev.fenlei.lora.classify;

import dev.fenlei.engine.compute.AttentionMask;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The token sequences of several labels, common beginnings shared: what one pass has to compute to score them all.
///
/// Node 0 is the end of the prompt; every other node is one row of the batch. Parents come before children.
final class LabelTrie {

    private final List<Integer> tokens = new ArrayList<>();
    private final List<Integer> parents = new ArrayList<>();
    private final List<Integer> depths = new ArrayList<>();
    private final List<int[]> paths = new ArrayList<>();

    /// @param labels the tokens of each label, without end token; none empty
    LabelTrie(List<int[]> labels) {
        List<Map<Integer, Integer>> children = new ArrayList<>();
        children.add(new LinkedHashMap<>());
        tokens.add(-1);
        parents.add(-1);
        depths.add(0);
        for (int[] label : labels) {
            int[] path = new int[label.length];
            int node = 0;
            for (int i = 0; i < label.length; i++) {
                int parent = node;
                Integer child = children.get(parent).get(label[i]);
                if (child == null) {
                    child = tokens.size();
                    tokens.add(label[i]);
                    parents.add(parent);
                    depths.add(i + 1);
                    children.add(new LinkedHashMap<>());
                    children.get(parent).put(label[i], child);
                }
                node = child;
                path[i] = node;
            }
            paths.add(path);
        }
    }

    /// The number of labels.
    int labels() {
        return paths.size();
    }

    /// The number of rows: nodes without the end of the prompt.
    int rows() {
        return tokens.size() - 1;
    }

    /// The token of a row, counted from 0.
    int token(int row) {
        return tokens.get(row + 1);
    }

    /// How far behind the prompt's last token a row stands.
    int depth(int row) {
        return depths.get(row + 1);
    }

    /// The parent of a row, counted from 0, or [AttentionMask#ROOT].
    int parent(int row) {
        int parent = parents.get(row + 1);
        return parent == 0 ? AttentionMask.ROOT : parent - 1;
    }

    /// The nodes that a label passes, the end of the prompt (node 0) left out.
    int[] path(int label) {
        return paths.get(label);
    }
}
