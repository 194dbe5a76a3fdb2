package dev.fenlei.cli.commands;

import dev.fenlei.lora.evaluate.ConfusionPicture;
import dev.fenlei.lora.evaluate.Evaluation;
import dev.fenlei.lora.evaluate.PredictionRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Writes what an evaluation found.
final class Reports {

    private Reports() {}

    /// Writes `evaluation.json`, `predictions.jsonl` and the confusion matrix as `confusion.svg` and `confusion.png`.
    ///
    /// @param font a font file for the picture; null looks for one that can show the labels
    static void write(Path directory, Evaluation evaluation, List<PredictionRecord> predictions, @Nullable Path font)
            throws IOException {
        Files.createDirectories(directory);
        evaluation.write(directory.resolve("evaluation.json"));
        Evaluation.writePredictions(directory.resolve("predictions.jsonl"), predictions);
        ConfusionPicture picture = new ConfusionPicture(evaluation.metrics().confusion());
        picture.writeSvg(directory.resolve("confusion.svg"));
        picture.writePng(directory.resolve("confusion.png"), font);
    }
}
