package dev.fenlei.server.inference;

import dev.fenlei.lora.classify.Classifier.Prepared;
import dev.fenlei.lora.classify.Decision;
import java.util.ArrayList;
import java.util.List;

/// The texts of one request, to be classified in one pass or in several.
public final class Scoring extends Work<Scoring.Result> {

    /// The decisions in the order of the texts, and how long things took.
    ///
    /// @param queueSeconds from the arrival to the beginning of the first pass
    /// @param computeSeconds from there to the end of the last
    public record Result(List<Decision> decisions, double queueSeconds, double computeSeconds) {}

    private final List<Prepared> texts;
    private final List<Decision> decisions = new ArrayList<>();
    private int taken;
    private long started;

    /// @param texts prepared by the classifier of the model; at least one
    public Scoring(ServedModel model, List<Prepared> texts) {
        super(model);
        this.texts = List.copyOf(texts);
    }

    /// Whether there are texts that no pass has taken yet.
    boolean hasNext() {
        return taken < texts.size();
    }

    /// The next text to take.
    Prepared peek() {
        return texts.get(taken);
    }

    Prepared take() {
        if (taken == 0) {
            started = System.nanoTime();
        }
        return texts.get(taken++);
    }

    /// How long it waited, in seconds.
    double queueSeconds() {
        return (started - arrived()) / 1e9;
    }

    /// Takes the decision of the text that was taken before those without one.
    void decided(Decision decision) {
        decisions.add(decision);
        if (decisions.size() == texts.size()) {
            result().complete(new Result(
                    List.copyOf(decisions), queueSeconds(), (System.nanoTime() - started) / 1e9));
        }
    }
}
