package dev.fenlei.server.inference;

import dev.fenlei.engine.generate.Generation;
import java.util.function.IntPredicate;

/// A conversation that the model is to continue.
public final class Answering extends Work<int[]> {

    private final int[] prompt;
    private final Generation settings;
    private final IntPredicate listener;

    /// @param prompt the tokens of the conversation
    /// @param listener called with every new token on the thread that computes, so that it must be quick; false ends the answer
    public Answering(ServedModel model, int[] prompt, Generation settings, IntPredicate listener) {
        super(model);
        this.prompt = prompt;
        this.settings = settings;
        this.listener = listener;
    }

    int[] prompt() {
        return prompt;
    }

    Generation settings() {
        return settings;
    }

    IntPredicate listener() {
        return listener;
    }
}
