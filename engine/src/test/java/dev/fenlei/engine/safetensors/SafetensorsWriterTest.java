package dev.fenlei.engine.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.safetensors.SafetensorsException.Kind;
import dev.fenlei.engine.safetensors.SafetensorsWriter.Entry;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SafetensorsWriterTest {

    private final Workspace workspace = new Workspace();
    private final Random random = new Random(1);

    @TempDir
    Path directory;

    private Path file;

    @BeforeEach
    void open() {
        file = directory.resolve("model.safetensors");
    }

    @AfterEach
    void close() {
        workspace.close();
    }

    private Tensor normal(DType dtype, int rows, int columns) {
        Tensor tensor = workspace.take(dtype, rows, columns);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        tensor.copyFrom(values);
        return tensor;
    }

    private List<String> filesLeft() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(f -> f.getFileName().toString()).sorted().toList();
        }
    }

    private void writeOne(float value) throws IOException {
        Tensor tensor = workspace.take(1, 3);
        tensor.copyFrom(new float[] {value, value, value});
        SafetensorsWriter.write(file, Map.of(), List.of(Entry.vector("a", tensor)));
    }

    private float readOne() throws IOException {
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            return opened.tensor("a").get(0, 2);
        }
    }

    @ParameterizedTest
    @EnumSource(value = DType.class, mode = EnumSource.Mode.EXCLUDE, names = "I8")
    void whatIsWrittenIsReadBack(DType dtype) throws IOException {
        Tensor matrix = normal(dtype, 7, 5);
        Tensor vector = normal(dtype, 1, 3);
        Tensor gaps = normal(dtype, 6, 9).columns(2, 5);
        Tensor empty = normal(dtype, 0, 4);
        Tensor cube = normal(dtype, 6, 1);
        SafetensorsWriter.write(
                file,
                Map.of("format", "pt", "标题", "值\n\"quoted\""),
                List.of(
                        Entry.matrix("matrix", matrix),
                        Entry.vector("vector", vector),
                        Entry.matrix("gaps", gaps),
                        Entry.matrix("empty", empty),
                        new Entry("cube", dtype, new long[] {2, 3, 1}, () -> cube),
                        new Entry("scalar", dtype, new long[0], () -> vector.columns(0, 1))));
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.metadata())
                    .containsExactlyInAnyOrderEntriesOf(Map.of("format", "pt", "标题", "值\n\"quoted\""));
            assertThat(opened.names()).containsExactlyInAnyOrder("matrix", "vector", "gaps", "empty", "cube", "scalar");
            assertThat(opened.info("matrix").shape()).containsExactly(7, 5);
            assertThat(opened.info("vector").shape()).containsExactly(3);
            assertThat(opened.info("cube").shape()).containsExactly(2, 3, 1);
            assertThat(opened.info("scalar").shape()).isEmpty();
            assertThat(opened.info("matrix").dtype()).isEqualTo(dtype.name());
            assertThat(opened.tensor("matrix").toArray()).isEqualTo(matrix.toArray());
            assertThat(opened.tensor("vector").toArray()).isEqualTo(vector.toArray());
            assertThat(opened.tensor("gaps").toArray()).isEqualTo(gaps.toArray());
            assertThat(opened.tensor("empty").toArray()).isEmpty();
            assertThat(opened.tensor("cube").toArray()).isEqualTo(cube.toArray());
            assertThat(opened.tensor("scalar").toArray()).containsExactly(vector.get(0, 0));
        }
    }

    /// Readers in other languages cast the mapped bytes.
    @Test
    void dataBeginsAtAMultipleOfEightWithWideTypesFirst() throws IOException {
        SafetensorsWriter.write(
                file,
                Map.of(),
                List.of(
                        Entry.vector("a", normal(DType.BF16, 1, 1)),
                        Entry.vector("c", normal(DType.F32, 1, 1)),
                        Entry.vector("b", normal(DType.F32, 1, 1))));
        long headerBytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN).getLong();
        assertThat(headerBytes % 8).isZero();
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.names()).containsExactly("b", "c", "a");
        }
    }

    @Test
    void aShapeThatTheConfigurationDoesNotExpectIsNamed() throws IOException {
        writeOne(1);
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThatThrownBy(() -> opened.tensor("a", file, 4))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("'a'")
                    .hasMessageContaining("[3]")
                    .hasMessageContaining("[4]");
            assertThatThrownBy(() -> opened.tensor("b"))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("'b'");
        }
    }

    @Test
    void aFileCutShortSaysSo() throws IOException {
        writeOne(1);
        byte[] whole = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(whole, whole.length - 1));
        assertThatThrownBy(() -> SafetensorsFile.open(file))
                .isInstanceOfSatisfying(
                        SafetensorsException.class,
                        e -> assertThat(e.kind()).isEqualTo(Kind.MetadataIncompleteBuffer))
                .hasMessageContaining(file.toString())
                .hasMessageContaining("cut short, fetch it again");
        for (int length = 0; length < whole.length - 12; length++) {
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> SafetensorsFile.open(file)).isInstanceOf(SafetensorsException.class);
        }
    }

    @Test
    void aFailureLeavesTheOldFileAndNothingElse() throws IOException {
        writeOne(1);
        Tensor tensor = normal(DType.F32, 4, 4);
        Entry first = Entry.matrix("a", tensor);
        Entry second = new Entry("b", DType.F32, new long[] {4, 4}, () -> {
            throw new IllegalStateException("no such tensor");
        });
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(first, second)))
                .hasMessage("no such tensor");
        Entry error = new Entry("b", DType.F32, new long[] {4, 4}, () -> {
            throw new AssertionError("out of memory");
        });
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(first, error)))
                .isInstanceOf(AssertionError.class);
        assertThat(filesLeft()).containsExactly("model.safetensors");
        Entry other = new Entry("b", DType.F32, new long[] {4, 5}, () -> tensor);
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(first, other)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("b: ");
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), List.of(first, first)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("two tensors are named a");
        assertThat(filesLeft()).containsExactly("model.safetensors");
        assertThat(readOne()).isEqualTo(1);
    }

    @Test
    void aMappedFileStaysReadableWhileItIsReplaced() throws IOException {
        writeOne(1);
        try (SafetensorsFile mapped = SafetensorsFile.open(file)) {
            writeOne(2);
            assertThat(mapped.tensor("a").toArray()).containsExactly(1, 1, 1);
            assertThat(readOne()).isEqualTo(2);
        }
        assertThat(filesLeft()).containsExactly("model.safetensors");
    }

    private Tensor quantised() {
        Tensor scales = Tensor.of(Arena.ofAuto().allocate(12), DType.F32, 3, 1);
        Tensor tensor = Tensor.int8(Arena.ofAuto().allocate(6), 3, 2, scales);
        tensor.copyFrom(new float[] {127, -1, 2, 254, 0, 0});
        return tensor;
    }

    @Test
    void theScalesOfI8AreTheTensorNamedAfterIt() throws IOException {
        Tensor tensor = quantised();
        SafetensorsWriter.write(
                file, Map.of(),
                List.of(Entry.matrix("w", tensor), Entry.matrix("w_scale", Objects.requireNonNull(tensor.scales()))));
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThat(opened.tensor("w").toArray()).containsExactly(127, -1, 2, 254, 0, 0);
            assertThat(opened.tensor("w").scale(1)).isEqualTo(2);
        }
    }

    @Test
    void i8WithoutTheScalesOfItsRowsIsRefused() throws IOException {
        SafetensorsWriter.write(
                file, Map.of(),
                List.of(
                        Entry.matrix("bare", quantised()), Entry.matrix("w", quantised()),
                        Entry.vector("w_scale", normal(DType.F32, 1, 2))));
        try (SafetensorsFile opened = SafetensorsFile.open(file)) {
            assertThatThrownBy(() -> opened.tensor("bare"))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining(file.toString())
                    .hasMessageContaining("there is no 'bare_scale'");
            assertThatThrownBy(() -> opened.tensor("w"))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("a number for each of the 3 rows of 'w'");
        }
    }
}
