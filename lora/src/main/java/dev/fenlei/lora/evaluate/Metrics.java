package dev.fenlei.lora.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/// How good a classifier's answers are, as scikit-learn defines the figures with `labels=` the fixed label set and
/// `zero_division=0`. An answer outside the set counts as wrong for the row's true label and for nothing else.
///
/// @param confusion   the counts that all figures are made of
/// @param accuracy    right answers / rows
/// @param perClass    precision, recall, F1 of each label, in the order of the set
/// @param macro       plain means over *all* labels of the set, also those without rows
/// @param micro       over the pooled decisions; recall equals accuracy, precision leaves invalid answers out
/// @param weighted    means weighted by support
/// @param cohenKappa  agreement beyond chance (Cohen 1960); NaN when chance agrees always
/// @param matthews    Matthews' correlation coefficient for many classes (Gorodkin 2004), each invalid answer a column
///                    of its own
///                    as in scikit-learn; 0 when one side is constant
public record Metrics(
        ConfusionMatrix confusion,
        double accuracy,
        List<ClassScore> perClass,
        Score macro,
        Score micro,
        Score weighted,
        double cohenKappa,
        double matthews) {

    /// Precision, recall and their harmonic mean.
    public record Score(double precision, double recall, double f1) {

        /// From counts: hits, all that were predicted, all that were true. A fraction without a denominator is 0.
        private static Score of(int hits, int predicted, int support) {
            return new Score(ratio(hits, predicted), ratio(hits, support),
                    ratio(2.0 * hits, (double) predicted + support));
        }
    }

    /// The figures of one label.
    ///
    /// @param support the rows whose true label this is
    public record ClassScore(String label, Score score, int support) {}

    /// Computes everything; see [ConfusionMatrix#of] for the arguments.
    public static Metrics of(List<String> labels, List<String> truth, List<? extends @Nullable String> predictions) {
        return of(ConfusionMatrix.of(labels, truth, predictions));
    }

    /// Computes everything from counts.
    public static Metrics of(ConfusionMatrix confusion) {
        int classes = confusion.labels().size();
        int total = confusion.total();
        int correct = confusion.correct();
        List<ClassScore> perClass = new ArrayList<>(classes);
        int allPredicted = 0;
        double byChance = 0;
        for (int c = 0; c < classes; c++) {
            int support = confusion.support(c);
            int predicted = confusion.predicted(c);
            allPredicted += predicted;
            byChance += (double) support * predicted;
            Score score = Score.of(confusion.counts()[c][c], predicted, support);
            perClass.add(new ClassScore(confusion.labels().get(c), score, support));
        }
        double chanceErrors = total - byChance / total;
        double kappa = chanceErrors == 0 ? Double.NaN : 1 - (total - correct) / chanceErrors;
        return new Metrics(
                confusion,
                ratio(correct, total),
                List.copyOf(perClass),
                average(perClass, _ -> 1),
                Score.of(correct, allPredicted, total),
                average(perClass, ClassScore::support),
                kappa,
                matthews(confusion, byChance));
    }

    /// The answers outside the label set.
    public int invalidCount() {
        return confusion.invalidCount();
    }

    private static Score average(List<ClassScore> classes, ToDoubleFunction<ClassScore> weight) {
        double precision = 0;
        double recall = 0;
        double f1 = 0;
        double weights = 0;
        for (ClassScore one : classes) {
            double w = weight.applyAsDouble(one);
            precision += w * one.score().precision();
            recall += w * one.score().recall();
            f1 += w * one.score().f1();
            weights += w;
        }
        return new Score(ratio(precision, weights), ratio(recall, weights), ratio(f1, weights));
    }

    private static double matthews(ConfusionMatrix confusion, double byChance) {
        double total = confusion.total();
        double trueVariance = total * total;
        double predictedVariance = total * total;
        for (int c = 0; c < confusion.labels().size(); c++) {
            trueVariance -= Math.pow(confusion.support(c), 2);
            predictedVariance -= Math.pow(confusion.predicted(c), 2);
        }
        for (int count : confusion.invalid().values()) {
            predictedVariance -= Math.pow(count, 2);
        }
        double covariance = confusion.correct() * total - byChance;
        return ratio(covariance, Math.sqrt(trueVariance * predictedVariance));
    }

    private static double ratio(double numerator, double denominator) {
        return denominator == 0 ? 0 : numerator / denominator;
    }
}
