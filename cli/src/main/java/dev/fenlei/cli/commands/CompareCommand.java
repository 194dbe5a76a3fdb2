package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.lora.report.PairedTest;
import dev.fenlei.lora.report.RunComparison;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.json.JsonMapper;

/// `compare`: which of several runs is better, and whether that means something.
@Command(name = "compare",
        description = "Compare runs that were tested on the same examples, each against the first: McNemar's test on the "
                + "answers, and a paired bootstrap on macro F1.")
public final class CompareCommand extends FenleiCommand {

    private static final int MAX_SAMPLES = 1_000_000;

    @Parameters(paramLabel = "RUN", arity = "2..*",
            description = "Folders of runs, or of 'evaluate --out'; the first is the baseline.")
    private List<Path> runs = List.of();

    @Option(names = "--samples", description = "Samples of the bootstrap (default: ${DEFAULT-VALUE}).")
    private int samples = RunComparison.SAMPLES;

    @Option(names = "--seed", description = "Seed of the bootstrap (default: ${DEFAULT-VALUE}).")
    private long seed = 42;

    @Option(names = "--json", description = "One JSON object per run instead of the table.")
    private boolean json;

    @Override
    protected int run() throws Exception {
        if (samples < 100 || samples > MAX_SAMPLES) {
            throw new ParameterException(
                    spec().commandLine(), "--samples must lie between 100 and " + MAX_SAMPLES + ", it is " + samples);
        }
        RunComparison comparison = RunComparison.of(runs, samples, seed);
        if (json) {
            comparison.lines().forEach(line -> out().println(JsonMapper.shared().writeValueAsString(toJson(line))));
        } else {
            print(comparison);
        }
        out().flush();
        return OK;
    }

    private void print(RunComparison comparison) {
        int width = Math.max(3, runs.stream().mapToInt(run -> run.toString().length()).max().orElse(0));
        out().println(" ".repeat(width)
                + "  accuracy  macro F1     NLL     ECE | dF1      95 % interval        p       | right where the other is wrong  p");
        for (RunComparison.Line line : comparison.lines()) {
            out().print(String.format(
                    Locale.ROOT, "%-" + width + "s  %8.4f  %8.4f  %6s  %6s |", line.run(), line.accuracy(),
                    line.macroF1(), figure(line.nll()), figure(line.ece())));
            PairedTest test = line.test();
            out().println(test == null
                    ? " baseline"
                    : String.format(
                            Locale.ROOT, " %+.4f  %+.4f to %+.4f  %.4f%-3s | %d to %d  %.4f%s",
                            test.difference(), test.low(), test.high(), test.bootstrap(), stars(test.bootstrap()),
                            test.onlySecond(), test.onlyFirst(), test.mcNemarMidP(), stars(test.mcNemarMidP())));
        }
        out().printf(
                Locale.ROOT,
                "%ndF1: macro F1 less that of the baseline; interval and p by a paired bootstrap of %,d samples, seed %d.%n"
                        + "The last p is McNemar's mid-p. * below 0.05, ** below 0.01, *** below 0.001; of many comparisons some are so "
                        + "by chance.%n",
                samples, seed);
    }

    private static String figure(@Nullable Double value) {
        return value == null ? "-" : String.format(Locale.ROOT, "%.4f", value);
    }

    private static String stars(double p) {
        return p < 0.001 ? "***" : p < 0.01 ? "**" : p < 0.05 ? "*" : "";
    }

    private static Map<String, @Nullable Object> toJson(RunComparison.Line line) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("run", line.run().toString());
        json.put("accuracy", line.accuracy());
        json.put("macro_f1", line.macroF1());
        json.put("nll", line.nll());
        json.put("ece", line.ece());
        PairedTest test = line.test();
        if (test != null) {
            json.put("macro_f1_difference", test.difference());
            json.put("macro_f1_interval", new ArrayList<>(List.of(test.low(), test.high())));
            json.put("bootstrap_p", test.bootstrap());
            json.put("only_baseline_right", test.onlyFirst());
            json.put("only_this_right", test.onlySecond());
            json.put("mcnemar_exact_p", test.mcNemar());
            json.put("mcnemar_mid_p", test.mcNemarMidP());
        }
        return json;
    }
}
