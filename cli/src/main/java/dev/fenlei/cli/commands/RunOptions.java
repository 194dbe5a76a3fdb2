package dev.fenlei.cli.commands;

import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.run.RunPlan;
import dev.fenlei.lora.run.ValidationMetric;
import java.util.Map;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// When a run validates, saves and ends.
final class RunOptions {

    @Option(names = "--eval-steps", paramLabel = "N",
            description = "Validate every so many steps; 0 at the end of every epoch (default: ${DEFAULT-VALUE}).")
    private int evalSteps;

    @Option(names = "--save-steps", paramLabel = "N",
            description = "Save a checkpoint every so many steps; 0 every five minutes (default: ${DEFAULT-VALUE}). The best and "
                    + "the last step are saved anyway.")
    private int saveSteps;

    @Option(names = "--keep", paramLabel = "N",
            description = "How many of the newest checkpoints stay, beside the best (default: ${DEFAULT-VALUE}).")
    private int keep = RunPlan.DEFAULT.keep();

    @Option(names = "--metric", paramLabel = "macro-f1|nll", converter = MetricConverter.class,
            description = "What the best adapter has on the validation data: the highest macro F1 or the lowest negative "
                    + "log-likelihood (default: macro-f1).")
    private ValidationMetric metric = RunPlan.DEFAULT.metric();

    @Option(names = "--patience", paramLabel = "N",
            description = "End when so many validations in a row were not the best; 0 never (default: ${DEFAULT-VALUE}).")
    private int patience;

    @Option(names = "--valid-fraction", paramLabel = "SHARE",
            description = "Share of the training data to validate on, of each label alike, if the data has no valid.*; 0 for "
                    + "none (default: ${DEFAULT-VALUE}). The test data is never used for it.")
    private double validFraction = 0.1;

    int evalSteps() {
        return evalSteps;
    }

    /// @throws IllegalArgumentException if the values are impossible
    RunPlan plan() {
        return plan(evalSteps);
    }

    /// @param evalSteps what the option would say
    RunPlan plan(int evalSteps) {
        return new RunPlan(evalSteps, saveSteps, RunPlan.DEFAULT.saveInterval(), keep, metric, patience);
    }

    /// The data set with something to validate on.
    ///
    /// @throws IllegalArgumentException if the share is impossible
    DataSet withValidation(DataSet set, long seed) {
        return validFraction == 0 ? set : set.withValidation(validFraction, seed);
    }

    private static final class MetricConverter implements ITypeConverter<ValidationMetric> {

        private static final Map<String, ValidationMetric> NAMES = Map.of(
                "macro-f1", ValidationMetric.MACRO_F1,
                "macro_f1", ValidationMetric.MACRO_F1,
                "nll", ValidationMetric.NLL);

        @Override
        public ValidationMetric convert(String value) {
            ValidationMetric metric = NAMES.get(value);
            if (metric == null) {
                throw new TypeConversionException("expected macro-f1 or nll but was '" + value + "'");
            }
            return metric;
        }
    }
}
