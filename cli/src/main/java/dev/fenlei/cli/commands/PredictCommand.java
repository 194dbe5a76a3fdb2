package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Progress;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.classify.Decision;
import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataException;
import dev.fenlei.lora.data.DataFormat;
import dev.fenlei.lora.data.DataReader;
import dev.fenlei.lora.data.DataRow;
import dev.fenlei.lora.data.Example;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/// `predict`: classification of many texts, rows in, JSON lines out, in the same order.
@Command(
        name = "predict",
        aliases = "infer",
        description = "Classify texts: rows in, JSON lines out, in the same order. A bad row gives a line with its number and an error.")
public final class PredictCommand extends FenleiCommand {

    private static final int BATCH = 32;

    @Mixin
    private ClassifierOptions classifierOptions = new ClassifierOptions();

    @Option(names = {"--input", "--input_path", "--input-path"}, paramLabel = "FILE",
            description = "Rows with a text field; - for JSON lines on standard input (default: -).")
    private String input = "-";

    @Option(names = {"--output", "--output_path", "--output-path"}, paramLabel = "FILE",
            description = "Where to write; - for standard output (default: -).")
    private String output = "-";

    @Mixin
    private DataColumns columns = new DataColumns();

    @Option(names = "--strict", description = "Stop at the first bad row.")
    private boolean strict;

    private long good;
    private long bad;

    @Override
    protected int run() throws Exception {
        CandidatePolicy policy = columns.policy(classifierOptions.labels(List.of()));
        try (DataReader reader = reader();
                ClassifierOptions.Opened opened = classifierOptions.open();
                Progress progress = progress("classifying", 0, "texts")) {
            if (output.equals("-")) {
                PrintWriter out = out();
                classify(reader, opened, policy, progress, out);
                out.flush();
            } else {
                DurableFiles.write(Path.of(output), channel -> {
                    Writer writer = new BufferedWriter(
                            new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.UTF_8));
                    classify(reader, opened, policy, progress, writer);
                    writer.flush();
                });
            }
        }
        say(good + " texts classified" + (bad == 0 ? "" : ", " + bad + " bad rows"));
        return OK;
    }

    private DataReader reader() throws IOException {
        return input.equals("-")
                ? DataReader.open(System.in, "standard input", DataFormat.JSONL, columns.options(false))
                : DataReader.open(Path.of(input), columns.options(false));
    }

    private void classify(
            DataReader reader, ClassifierOptions.Opened opened, CandidatePolicy policy, Progress progress,
            Writer writer)
            throws IOException {
        List<DataRow> batch = new ArrayList<>();
        while (reader.hasNext()) {
            batch.add(reader.next());
            if (batch.size() == BATCH || !reader.hasNext()) {
                interruption().throwIfRequested();
                write(batch, opened, policy, writer);
                progress.advance(batch.size());
                batch.clear();
            }
        }
    }

    private void write(List<DataRow> rows, ClassifierOptions.Opened opened, CandidatePolicy policy, Writer writer)
            throws IOException {
        List<Example> usable = new ArrayList<>();
        Map<Long, DataException> errors = new LinkedHashMap<>();
        for (DataRow row : rows) {
            try {
                Example example = row.orThrow();
                policy.candidates(unlabelled(example), input);
                usable.add(unlabelled(example));
            } catch (DataException e) {
                if (strict) {
                    throw e;
                }
                errors.put(row.line(), e);
            }
        }
        Map<Long, Decision> decisions = decisions(usable, opened, policy, errors);
        for (DataRow row : rows) {
            DataException error = errors.get(row.line());
            if (error != null) {
                bad++;
                say(String.valueOf(error.getMessage()));
                writeLine(writer, Map.of("line", row.line(), "error", String.valueOf(error.getMessage())));
            } else {
                good++;
                writeLine(writer, json(row.orThrow(), decisions.get(row.line())));
            }
        }
        writer.flush();
    }

    /// Classifies the rows together; if that fails, one by one, to find the row at fault.
    private Map<Long, Decision> decisions(
            List<Example> examples,
            ClassifierOptions.Opened opened,
            CandidatePolicy policy,
            Map<Long, DataException> errors) {
        Map<Long, Decision> decisions = new LinkedHashMap<>();
        if (examples.isEmpty()) {
            return decisions;
        }
        try {
            List<Decision> all = classifierOptions.scoring.decide(opened.classifier(), examples, policy, input);
            for (int i = 0; i < all.size(); i++) {
                decisions.put(examples.get(i).line(), all.get(i));
            }
        } catch (DataException e) {
            if (strict) {
                throw e;
            }
            if (examples.size() == 1) {
                errors.put(examples.getFirst().line(), e);
                return decisions;
            }
            for (Example example : examples) {
                decisions.putAll(decisions(List.of(example), opened, policy, errors));
            }
        }
        return decisions;
    }

    /// A label in the input plays no part in prediction, even one outside the candidates.
    private static Example unlabelled(Example example) {
        return new Example(example.id(), example.text(), example.candidates(), null, example.line());
    }

    private static Map<String, @Nullable Object> json(Example example, @Nullable Decision decision) {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        if (decision == null) {
            throw new IllegalStateException("line " + example.line() + " has neither decision nor error");
        }
        if (example.id() != null) {
            json.put("id", example.id());
        }
        json.put("text", example.text());
        json.put("prediction", decision.label());
        json.put("confidence", decision.confidence());
        Map<String, Double> probabilities = new LinkedHashMap<>();
        for (int i = 0; i < decision.candidates().size(); i++) {
            probabilities.put(decision.candidates().get(i), decision.probabilities()[i]);
        }
        json.put("probabilities", probabilities);
        json.put("candidate_mass", decision.candidateMass());
        return json;
    }

    private static void writeLine(Writer writer, Map<String, ?> json) throws IOException {
        writer.write(JsonMapper.shared().writeValueAsString(json));
        writer.write('\n');
    }
}
