package dev.fenlei.lora.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DataSetTest {

    private static final DataOptions LABELLED = DataOptions.labelled();

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path directory;

    @Test
    void opensADirectory() throws IOException {
        Files.writeString(directory.resolve("train.csv"), "text,label\na,体育\nb,art\n");
        Files.writeString(directory.resolve("dev.jsonl"),
                "{\"text\":\"c\",\"category\":[\"law\",\"art\"],\"label\":\"art\"}\n");
        Files.writeString(directory.resolve("test.tsv"), "text\tlabel\nd\tart\n");
        Files.writeString(directory.resolve("train.md"), "no data");
        DataSet data = DataSet.open(directory, LABELLED);
        assertThat(data.train()).hasSize(2);
        assertThat(data.validation()).extracting(Example::text).containsExactly("c");
        assertThat(data.test()).extracting(Example::text).containsExactly("d");
        assertThat(data.labels()).containsExactly("art", "law", "体育");
        assertThat(DataSet.testFile(directory)).isEqualTo(directory.resolve("test.tsv"));
        assertThat(data.withValidation(0.5, 1)).isSameAs(data);
    }

    @Test
    void refusesDirectoriesThatDoNotSayWhatToTrainOn() throws IOException {
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.open(directory, LABELLED))
                .withMessageContaining("has no file train with .jsonl");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.testFile(directory))
                .withMessageContaining("no test.* file");
        Files.writeString(directory.resolve("train.csv"), "text,label\na,b\n");
        Files.writeString(directory.resolve("train.jsonl"), "{}");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.open(directory, LABELLED))
                .withMessageContaining("only one train.* file")
                .withMessageContaining("train.jsonl");
    }

    @Test
    void splitsWithEveryLabelsShare() {
        List<Example> examples = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            examples.add(Example.of("text " + i, List.of(), i < 70
                    ? "much"
                    : i < 98
                            ? "some"
                            : i < 99
                                    ? "one"
                                    : "other"));
        }
        StratifiedSplit split = StratifiedSplit.of(examples, 0.1, 42);
        assertThat(split.held()).hasSize(10);
        assertThat(split.held().stream().filter(example -> "much".equals(example.label()))).hasSize(7);
        assertThat(split.held().stream().filter(example -> "some".equals(example.label()))).hasSize(3);
        assertThat(split.kept()).hasSize(90).doesNotContainAnyElementsOf(split.held());
        assertThat(StratifiedSplit.of(examples, 0.1, 42)).isEqualTo(split);
        assertThat(StratifiedSplit.of(examples, 0.1, 43)).isNotEqualTo(split);
        assertThatIllegalArgumentException().isThrownBy(() -> StratifiedSplit.of(examples, 1, 42));
    }

    @Test
    void countsClassesLengthsAndDuplicates() {
        DataStatistics statistics = DataStatistics.of(List.of(
                Example.of("𠮷a", List.of(), "x"),
                Example.of("long text", List.of(), "y"),
                Example.of("𠮷a", List.of(), "x"),
                Example.of("𠮷a", List.of(), "y"),
                Example.of("abc", List.of(), null)));
        assertThat(statistics.classCounts()).containsEntry("x", 2).containsEntry("y", 2).hasSize(2);
        assertThat(statistics.unlabelled()).isEqualTo(1);
        assertThat(statistics.lengths()).isEqualTo(new DataStatistics.Lengths(2, 2, 9, 9, 3.6));
        assertThat(statistics.duplicates()).isEqualTo(2);
        assertThat(statistics.conflicting()).isEqualTo(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '`',
            value = {
                "财经,科技; 财经|科技",
                "财经，科技、 体育; 财经|科技|体育",
                "['财经', '科技']; 财经|科技",
                "[\"a, b\", 'c\\'d', e ,\"\\u4e2d\"]; a, b|c'd|e|中",
                "one; one",
                "a,,a, b ; a|b",
                "[]; ``"
            })
    void parsesLabelLists(String text, String expected) {
        assertThat(String.join("|", LabelLists.parse(text))).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource(quoteCharacter = '`', delimiter = ';', value = {"['a]", "[a", "['\\u12']", "['\\uzzzz']"})
    void refusesBrokenLabelLists(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> LabelLists.parse(text));
    }

    @Test
    void readsTheSharedCorpora() throws IOException {
        Path corpora = Path.of(System.getProperty("fenlei.shared", ""), "data");
        assumeTrue(Files.isDirectory(corpora), () -> "no corpora: " + corpora.toAbsolutePath());
        DataSet fudan = DataSet.open(corpora.resolve("fudan20"), LABELLED);
        assertThat(fudan.train()).hasSize(3914);
        assertThat(fudan.test()).hasSize(981);
        assertThat(fudan.labels()).hasSize(20);
        try (DataReader all = DataReader.open(corpora.resolve("fudan20/full.jsonl.gz"), LABELLED)) {
            List<DataRow> rows = new ArrayList<>();
            all.forEachRemaining(rows::add);
            assertThat(rows).hasSize(9833);
            assertThat(rows).filteredOn(row -> row.error() != null).extracting(DataRow::line).containsExactly(1359L);
        }
        DataSet news = DataSet.open(corpora.resolve("thucnews10/dev.txt"), LABELLED);
        assertThat(news.train()).hasSize(10_000);
        assertThat(news.labels()).hasSize(10);
    }
}
