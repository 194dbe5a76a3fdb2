package dev.fenlei.lora.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/// The examples to train on, to tune by and to test on.
///
/// @param source     where it was opened
/// @param train      never empty
/// @param validation empty when the directory has no `valid.*` or `dev.*`; see [#withValidation]
/// @param test       empty when the directory has no `test.*`
/// @param labels     the fixed label set: of the options, the class file or the Parquet file, else every label and
///                   candidate seen,
///                   ordered by code point
public record DataSet(
        Path source, List<Example> train, List<Example> validation, List<Example> test, List<String> labels) {

    private static final Comparator<String> CODE_POINTS = Comparator.comparing(text -> text.codePoints().toArray(),
            Arrays::compare);

    public DataSet {
        train = List.copyOf(train);
        validation = List.copyOf(validation);
        test = List.copyOf(test);
        labels = List.copyOf(labels);
    }

    /// Opens a directory that holds `train.*` and optionally `test.*` and `valid.*` (or `dev.*`), or one file, which is
    /// then all
    /// training data.
    ///
    /// @throws DataException at the first bad row, when a file is empty, missing or there twice
    public static DataSet open(Path fileOrDirectory, DataOptions options) throws IOException {
        Set<String> declared = new LinkedHashSet<>();
        if (!Files.isDirectory(fileOrDirectory)) {
            List<Example> all = load(fileOrDirectory, options, declared);
            return new DataSet(fileOrDirectory, all, List.of(), List.of(), labels(declared, all));
        }
        Path train = find(fileOrDirectory, "train");
        if (train == null) {
            throw new DataException(
                    fileOrDirectory.toString(), 0, null, "the directory has no file train with "
                            + DataFormat.EXTENSIONS);
        }
        Path valid = find(fileOrDirectory, "valid");
        if (valid == null) {
            valid = find(fileOrDirectory, "dev");
        }
        Path test = find(fileOrDirectory, "test");
        List<Example> trainRows = load(train, options, declared);
        List<Example> validRows = valid == null ? List.of() : load(valid, options, declared);
        List<Example> testRows = test == null ? List.of() : load(test, options, declared);
        return new DataSet(
                fileOrDirectory, trainRows, validRows, testRows, labels(declared, trainRows, validRows, testRows));
    }

    /// All examples of one file.
    ///
    /// @throws DataException at the first bad row, and when there is none at all
    public static List<Example> load(Path file, DataOptions options) throws IOException {
        return load(file, options, new LinkedHashSet<>());
    }

    /// The file to evaluate on: `test.*` of a directory, or the file itself.
    ///
    /// @throws DataException when the directory has none
    public static Path testFile(Path fileOrDirectory) throws IOException {
        if (!Files.isDirectory(fileOrDirectory)) {
            return fileOrDirectory;
        }
        Path test = find(fileOrDirectory, "test");
        if (test == null) {
            throw new DataException(fileOrDirectory.toString(), 0, null,
                    "the directory has no test.* file to evaluate on");
        }
        return test;
    }

    /// This data set if it has validation data, else one whose validation data is a stratified part of the training
    /// data.
    ///
    /// @param fraction of the training data, between 0 and 1
    public DataSet withValidation(double fraction, long seed) {
        if (!validation.isEmpty()) {
            return this;
        }
        StratifiedSplit split = StratifiedSplit.of(train, fraction, seed);
        return new DataSet(source, split.kept(), split.held(), test, labels);
    }

    private static List<Example> load(Path file, DataOptions options, Set<String> declared) throws IOException {
        List<Example> examples = new ArrayList<>();
        try (DataReader reader = DataReader.open(file, options)) {
            declared.addAll(reader.labels());
            while (reader.hasNext()) {
                examples.add(reader.next().orThrow());
            }
        }
        if (examples.isEmpty()) {
            throw new DataException(file.toString(), 0, null, "there are no examples in it");
        }
        return examples;
    }

    private static @Nullable Path find(Path directory, String stem) throws IOException {
        List<Path> found;
        try (Stream<Path> files = Files.list(directory)) {
            found = files.filter(file -> isNamed(String.valueOf(file.getFileName()), stem)).sorted().toList();
        }
        if (found.size() > 1) {
            throw new DataException(
                    directory.toString(), 0, null, "only one " + stem + ".* file may be in it, not " + found.size()
                            + ": " + found);
        }
        return found.isEmpty() ? null : found.getFirst();
    }

    private static boolean isNamed(String fileName, String stem) {
        return fileName.startsWith(stem + ".") && DataFormat.ofName(fileName).isPresent();
    }

    @SafeVarargs
    private static List<String> labels(Set<String> declared, List<Example>... parts) {
        if (!declared.isEmpty()) {
            return List.copyOf(declared);
        }
        Set<String> seen = new LinkedHashSet<>();
        for (List<Example> part : parts) {
            for (Example example : part) {
                seen.addAll(example.candidates());
                if (example.label() != null) {
                    seen.add(example.label());
                }
            }
        }
        return seen.stream().sorted(CODE_POINTS).toList();
    }
}
