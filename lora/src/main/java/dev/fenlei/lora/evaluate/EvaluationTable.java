package dev.fenlei.lora.evaluate;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// An evaluation as a table for the terminal, aligned also where labels are Chinese.
public final class EvaluationTable {

    private static final int MAX_LABEL_WIDTH = 32;
    private static final List<String> HEADINGS = List.of("precision", "recall", "f1", "support");
    private static final int COLUMN = 11;
    private static final int SHOWN_ANSWERS = 5;

    private EvaluationTable() {}

    /// Several lines, each ended by `\n`.
    public static String render(Evaluation evaluation) {
        Metrics metrics = evaluation.metrics();
        int labelWidth = metrics.perClass().stream()
                .mapToInt(one -> DisplayWidth.of(one.label()))
                .max()
                .orElse(0);
        labelWidth = Math.clamp(labelWidth, 12, MAX_LABEL_WIDTH);
        StringBuilder table = new StringBuilder(DisplayWidth.padRight("", labelWidth));
        HEADINGS.forEach(heading -> table.append(DisplayWidth.padLeft(heading, COLUMN)));
        table.append('\n');
        for (Metrics.ClassScore one : metrics.perClass()) {
            row(table, labelWidth, one.label(), one.score(), one.support());
        }
        int total = metrics.confusion().total();
        table.append("─".repeat(labelWidth + COLUMN * HEADINGS.size())).append('\n');
        row(table, labelWidth, "macro", metrics.macro(), total);
        row(table, labelWidth, "micro", metrics.micro(), total);
        row(table, labelWidth, "weighted", metrics.weighted(), total);
        table.append('\n');
        table.append(String.format(Locale.ROOT, "accuracy %.4f (%d of %d), kappa %.4f, mcc %.4f\n",
                metrics.accuracy(), metrics.confusion().correct(), total, metrics.cohenKappa(), metrics.matthews()));
        Calibration calibration = evaluation.calibration();
        if (calibration != null) {
            table.append(String.format(Locale.ROOT,
                    "log loss %.4f, brier %.4f, ECE %.4f, ROC AUC %.4f, best temperature %.3f\n",
                    calibration.logLoss(),
                    calibration.brier(),
                    calibration.ece(),
                    calibration.rocAucMacro(),
                    evaluation.temperature().orElse(Double.NaN)));
        }
        if (metrics.invalidCount() > 0) {
            table.append(String.format(Locale.ROOT, "%d answers outside the label set: %s\n",
                    metrics.invalidCount(), invalid(metrics.confusion())));
        }
        return table.toString();
    }

    private static void row(StringBuilder table, int labelWidth, String label, Metrics.Score score, int support) {
        table.append(DisplayWidth.padRight(DisplayWidth.shorten(label, labelWidth), labelWidth));
        for (double value : new double[] {score.precision(), score.recall(), score.f1()}) {
            table.append(DisplayWidth.padLeft(String.format(Locale.ROOT, "%.4f", value), COLUMN));
        }
        table.append(DisplayWidth.padLeft(Integer.toString(support), COLUMN)).append('\n');
    }

    /// The most frequent answers outside the set, "nothing" for none at all.
    private static String invalid(ConfusionMatrix confusion) {
        String shown = confusion.invalid().entrySet().stream()
                .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
                .limit(SHOWN_ANSWERS)
                .map(entry -> quoted(entry.getKey()) + " × " + entry.getValue())
                .collect(Collectors.joining(", "));
        return shown + (confusion.invalid().size() > SHOWN_ANSWERS ? ", …" : "");
    }

    private static String quoted(String answer) {
        return answer.isEmpty() ? "nothing" : "\"" + DisplayWidth.shorten(answer, 24) + "\"";
    }
}
