package dev.fenlei.lora.evaluate;

import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.classify.Decision;
import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataException;
import dev.fenlei.lora.data.Example;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.function.IntConsumer;

/// How a label is found.
public enum Scoring {
    /// The probability of every candidate, in one pass.
    LABELS,
    /// What the model writes.
    GENERATE;

    private static final int BATCH = 32;

    /// Classifies examples in their order.
    ///
    /// @param source the file, for messages
    /// @param done hears how many more examples are done; may throw to end the work
    /// @throws DataException naming the line, if an example cannot be classified
    public List<PredictionRecord> predict(
            Classifier classifier, List<Example> examples, CandidatePolicy policy, String source, IntConsumer done) {
        List<PredictionRecord> records = new ArrayList<>();
        for (int from = 0; from < examples.size(); from += BATCH) {
            List<Example> batch = examples.subList(from, Math.min(examples.size(), from + BATCH));
            List<Decision> decisions = decide(classifier, batch, policy, source);
            for (int i = 0; i < batch.size(); i++) {
                records.add(record(batch.get(i), decisions.get(i)));
            }
            done.accept(batch.size());
        }
        return records;
    }

    /// Classifies a few examples together.
    ///
    /// @throws DataException naming the line, if an example cannot be classified
    public List<Decision> decide(Classifier classifier, List<Example> batch, CandidatePolicy policy, String source) {
        List<Classifier.Request> requests = new ArrayList<>();
        for (Example example : batch) {
            try {
                requests.add(new Classifier.Request(example.text(), policy.candidates(example, source)));
            } catch (IllegalArgumentException e) {
                throw new DataException(source, example.line(), "category", String.valueOf(e.getMessage()));
            }
        }
        try {
            return this == LABELS
                    ? classifier.classify(requests)
                    : requests.stream().map(classifier::classifyByGeneration).toList();
        } catch (IllegalArgumentException e) {
            throw new DataException(source, batch.getFirst().line(), "category", String.valueOf(e.getMessage()));
        }
    }

    private static PredictionRecord record(Example example, Decision decision) {
        LinkedHashMap<String, Double> probabilities = new LinkedHashMap<>();
        for (int i = 0; i < decision.candidates().size(); i++) {
            probabilities.put(decision.candidates().get(i), decision.probabilities()[i]);
        }
        return new PredictionRecord(
                example.id(), example.text(), decision.candidates(), example.label(), decision.label(), probabilities);
    }
}
