package dev.fenlei.lora.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParquetRowsTest {

    private static final DataOptions LABELLED = DataOptions.labelled();

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path directory;

    @ParameterizedTest
    @ValueSource(ints = {ParquetFixture.UNCOMPRESSED, ParquetFixture.GZIP})
    void readsTextsAndLists(int codec) throws IOException {
        Path file = directory.resolve("train.parquet");
        fudan().write(file, codec);
        assertThat(DataSet.load(file, LABELLED))
                .containsExactly(
                        new Example("r1", "股市大涨", List.of("财经", "科技"), "财经", 1),
                        new Example(null, "球队夺冠", List.of(), "体育", 2),
                        new Example("r3", "新机发布", List.of(), "科技", 3));
    }

    @Test
    void takesClassNamesFromHuggingFaceMetadata() throws IOException {
        Path file = directory.resolve("train.parquet");
        new ParquetFixture()
                .texts("text", List.of("a", "b"))
                .numbers("label", List.of(1L, 0L))
                .metadata("huggingface", """
                        {"info": {"features": {"label": {"names": ["体育", "财经"], "_type": "ClassLabel"}}}}""")
                .write(file, ParquetFixture.UNCOMPRESSED);
        DataSet data = DataSet.open(file, LABELLED);
        assertThat(data.train()).extracting(Example::label).containsExactly("财经", "体育");
        assertThat(data.labels()).containsExactly("体育", "财经");
    }

    @Test
    void namesBadRowsAndGoesOn() throws IOException {
        Path file = directory.resolve("train.parquet");
        new ParquetFixture()
                .texts("text", Arrays.asList("a", null, "c"))
                .texts("label", List.of("x", "y", "z"))
                .write(file, ParquetFixture.UNCOMPRESSED);
        try (DataReader reader = DataReader.open(file, LABELLED)) {
            assertThat(reader.next().orThrow().text()).isEqualTo("a");
            assertThatExceptionOfType(DataException.class)
                    .isThrownBy(reader.next()::orThrow)
                    .withMessageContaining("train.parquet, line 2, field \"text\": the text is missing");
            assertThat(reader.next().orThrow().text()).isEqualTo("c");
            assertThat(reader.hasNext()).isFalse();
        }
    }

    @Test
    void saysWhichCodecIsMissing() throws IOException {
        Path file = directory.resolve("train.parquet");
        fudan().write(file, ParquetFixture.SNAPPY);
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.load(file, LABELLED))
                .withMessageContaining("SNAPPY")
                .withMessageContaining("snappy-java");
    }

    @Test
    void refusesWhatIsNotParquet() throws IOException {
        Path file = Files.writeString(directory.resolve("train.parquet"), "PAR1 this is not a table at all PAR1");
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.load(file, LABELLED))
                .withMessageContaining("not a Parquet file");
        new ParquetFixture().texts("content", List.of("a")).write(file, ParquetFixture.UNCOMPRESSED);
        assertThatExceptionOfType(DataException.class)
                .isThrownBy(() -> DataSet.load(file, LABELLED))
                .withMessageContaining("none of the columns");
    }

    private static ParquetFixture fudan() {
        return new ParquetFixture()
                .texts("id", Arrays.asList("r1", null, "r3"))
                .texts("text", List.of("股市大涨", "球队夺冠", "新机发布"))
                .lists("category", Arrays.asList(List.of("财经", "科技"), null, List.of()))
                .numbers("unused", List.of(1L, 2L, 3L))
                .texts("output", List.of("财经", "体育", "科技"));
    }
}
