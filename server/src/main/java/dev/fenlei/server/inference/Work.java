package dev.fenlei.server.inference;

import java.util.concurrent.CompletableFuture;

/// What one request wants computed. Whoever asked may cancel the result at any time; what is not computed by then never is.
///
/// @param <T> the result
public abstract sealed class Work<T> permits Scoring, Answering {

    private final CompletableFuture<T> result = new CompletableFuture<>();
    private final ServedModel model;
    private final long arrived = System.nanoTime();

    Work(ServedModel model) {
        this.model = model;
    }

    /// The result, once it is there.
    public CompletableFuture<T> result() {
        return result;
    }

    ServedModel model() {
        return model;
    }

    /// When it came, on the clock of [System#nanoTime].
    long arrived() {
        return arrived;
    }

    /// Whether nobody waits for more: computed, failed, or cancelled.
    boolean isOver() {
        return result.isDone();
    }
}
