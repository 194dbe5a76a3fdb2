package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Progress;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.data.Example;
import dev.fenlei.lora.evaluate.Evaluation;
import dev.fenlei.lora.evaluate.EvaluationTable;
import dev.fenlei.lora.evaluate.PredictionRecord;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `evaluate`: metrics and confusion matrix of a model and an adapter on a labelled file.
@Command(name = "evaluate",
        description = "Judge a model and an adapter on labelled data: metrics and confusion matrix.")
public final class EvaluateCommand extends FenleiCommand {

    @Mixin
    private ClassifierOptions classifierOptions = new ClassifierOptions();

    @Option(names = "--data", required = true, paramLabel = "PATH",
            description = "A labelled file, or a folder with test.*.")
    private Path data = Path.of("");

    @Mixin
    private DataColumns columns = new DataColumns();

    @Option(names = "--out", paramLabel = "DIR",
            description = "Where to write evaluation.json, predictions.jsonl and the confusion matrix (default: nowhere).")
    private @Nullable Path out;

    @Option(names = "--font", paramLabel = "FILE", description = "Font for the confusion matrix picture.")
    private @Nullable Path font;

    @Override
    protected int run() throws Exception {
        Path file = DataSet.testFile(data);
        DataSet set = DataSet.open(file, columns.options(true));
        List<Example> examples = set.train();
        CandidatePolicy policy = columns.policy(classifierOptions.labels(set.labels()));
        List<PredictionRecord> records;
        try (ClassifierOptions.Opened opened = classifierOptions.open();
                Progress progress = progress("evaluating", examples.size(), "examples")) {
            records = classifierOptions.scoring.predict(
                    opened.classifier(), examples, policy, file.toString(), rows -> {
                        progress.advance(rows);
                        interruption().throwIfRequested();
                    });
        }
        Evaluation evaluation = Evaluation.of(set.labels(), records);
        if (out != null) {
            Reports.write(out, evaluation, records, font);
        }
        out().println(EvaluationTable.render(evaluation));
        out().printf(
                Locale.ROOT,
                "accuracy %.4f, macro F1 %.4f%n",
                evaluation.metrics().accuracy(), evaluation.metrics().macro().f1());
        out().flush();
        return OK;
    }
}
