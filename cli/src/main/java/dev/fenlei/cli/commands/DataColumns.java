package dev.fenlei.cli.commands;

import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataOptions;
import dev.fenlei.lora.data.DataReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How to read data files: options that all commands over examples share.
final class DataColumns {

    @Option(names = "--candidates", paramLabel = "row|all|FILE",
            description = "What to choose from: each row's own list (row, the default), every label of the data (all), or the lines of a file.")
    String candidates = "row";

    @Option(names = "--text-column", paramLabel = "NAME", description = "Name of the text column, if it is not text.")
    @Nullable
    String textColumn;

    @Option(names = "--label-column", paramLabel = "NAME",
            description = "Name of the label column, if it is not output or label.")
    @Nullable
    String labelColumn;

    @Option(names = "--class-file", paramLabel = "FILE", description = "Class names of data whose labels are numbers.")
    @Nullable
    Path classFile;

    DataOptions options(boolean labelled) {
        DataOptions options = (labelled ? DataOptions.labelled() : DataOptions.unlabelled())
                .withColumns(textColumn, labelColumn, null);
        return classFile == null ? options : options.withClassFile(classFile);
    }

    /// @param labels every label of the data or of the adapter
    CandidatePolicy policy(List<String> labels) throws IOException {
        return switch (candidates) {
            case "row" -> CandidatePolicy.ofRows(labels);
            case "all" -> CandidatePolicy.fixed(labels);
            default -> CandidatePolicy.fixed(DataReader.readClassFile(Path.of(candidates)));
        };
    }
}
