package dev.fenlei.lora.train;

/// The tokens of one example and where the part begins that the model is to produce.
///
/// @param ids prompt, label and end token
/// @param labelStart the index of the first token that counts in the loss; at least 1, as it must have a predecessor
public record TrainingExample(int[] ids, int labelStart) {

    public TrainingExample {
        if (labelStart < 1 || labelStart >= ids.length) {
            throw new IllegalArgumentException(
                    "no token to learn: the label would begin at " + labelStart + " of " + ids.length + " tokens");
        }
    }

    /// The number of tokens that count in the loss.
    public int labelTokens() {
        return ids.length - labelStart;
    }

    /// The number of rows the example takes in a batch: the last token is only predicted, never read.
    public int rows() {
        return ids.length - 1;
    }
}
