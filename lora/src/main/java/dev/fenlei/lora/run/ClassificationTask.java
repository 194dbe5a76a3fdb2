package dev.fenlei.lora.run;

import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataException;
import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.data.Example;
import dev.fenlei.lora.evaluate.Evaluation;
import dev.fenlei.lora.evaluate.PredictionRecord;
import dev.fenlei.lora.evaluate.Scoring;
import dev.fenlei.lora.train.TrainingExample;
import dev.fenlei.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;

/// What is to be learned: texts, their candidates, and how both become a prompt. Many runs may share one.
///
/// @param data the examples
/// @param policy the candidates of each
/// @param prompt how they are put to the model
public record ClassificationTask(
        DataSet data, CandidatePolicy policy, Tokenizer tokenizer, ClassificationPrompt prompt) {

    /// The training data in tokens, in its order.
    ///
    /// @throws DataException naming the line, if the candidates of an example leave no room for its text
    public List<TrainingExample> trainingExamples() {
        List<TrainingExample> examples = new ArrayList<>();
        String source = data.source().toString();
        for (Example row : data.train()) {
            List<String> candidates = policy.candidates(row, source);
            try {
                examples.add(prompt.example(row.text(), candidates, row.requireLabel()));
            } catch (IllegalArgumentException e) {
                throw new DataException(source, row.line(), "category", String.valueOf(e.getMessage()));
            }
        }
        return examples;
    }

    /// What the decoder, with what adapter it has now, makes of examples.
    ///
    /// @param done see [Scoring#predict]
    public List<PredictionRecord> predict(
            Decoder decoder, List<Example> examples, Scoring scoring, IntConsumer done) {
        try (Classifier classifier = new Classifier(decoder, tokenizer, prompt)) {
            return scoring.predict(classifier, examples, policy, data.source().toString(), done);
        }
    }

    /// The judgement on the validation data.
    Evaluation validate(Decoder decoder, IntConsumer done) {
        return Evaluation.of(data.labels(), predict(decoder, data.validation(), Scoring.LABELS, done));
    }
}
