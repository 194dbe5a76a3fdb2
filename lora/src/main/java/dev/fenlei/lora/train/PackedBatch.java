package dev.fenlei.lora.train;

import dev.fenlei.engine.compute.AttentionMask;
import dev.fenlei.engine.model.Batch;
import java.util.List;

/// Several examples end to end, without padding, and what they are to predict.
///
/// @param batch the rows; its outputs are those that predict label tokens
/// @param targets the token that each output is to predict
public record PackedBatch(Batch batch, int[] targets) {

    /// Packs examples in their order.
    public static PackedBatch of(List<TrainingExample> examples) {
        int rows = examples.stream().mapToInt(TrainingExample::rows).sum();
        int labels = examples.stream().mapToInt(TrainingExample::labelTokens).sum();
        int[] ids = new int[rows];
        int[] positions = new int[rows];
        int[] labelRows = new int[labels];
        int[] targets = new int[labels];
        int row = 0;
        int label = 0;
        for (TrainingExample example : examples) {
            for (int i = 0; i < example.rows(); i++, row++) {
                ids[row] = example.ids()[i];
                positions[row] = i;
                if (i + 1 >= example.labelStart()) {
                    labelRows[label] = row;
                    targets[label++] = example.ids()[i + 1];
                }
            }
        }
        int[] lengths = examples.stream().mapToInt(TrainingExample::rows).toArray();
        return new PackedBatch(new Batch(ids, positions, AttentionMask.causal(0, lengths), labelRows), targets);
    }
}
