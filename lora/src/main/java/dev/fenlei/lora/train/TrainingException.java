package dev.fenlei.lora.train;

import java.util.List;

/// Training that cannot begin, as what it is given does not fit together, or cannot go on, as the loss is no number.
public final class TrainingException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final transient List<Integer> examples;

    /// @param message for the user
    public TrainingException(String message) {
        this(message, List.of());
    }

    /// @param examples the places, in the list of all, of those that it happened in
    TrainingException(String message, List<Integer> examples) {
        super(message);
        this.examples = examples;
    }

    /// The places of the examples that it happened in, in the list given to [Trainer#train]; empty if no example is to blame.
    public List<Integer> examples() {
        return examples;
    }
}
