package dev.fenlei.engine.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.fenlei.engine.safetensors.SafetensorsException.Kind;
import dev.fenlei.engine.testing.Shared;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.json.JsonMapper;

/// Files that the reference implementation accepts and refuses.
class SafetensorsFixturesTest {

    private static final String FOLDER = "fixtures/safetensors";

    /// The format forbids duplicate keys, although the reference reader keeps the last; other fields are to be ignored.
    private static final Map<String, String> UNDECIDED = Map.of(
            "either-duplicate-key.safetensors", Kind.InvalidHeaderDeserialization.name(),
            "either-unknown-field.safetensors", "ok");

    static Stream<Arguments> files() throws IOException {
        return JsonMapper.shared()
                .readTree(Files.readString(Shared.path(FOLDER).resolve("expected.json")))
                .properties()
                .stream()
                .map(entry -> Arguments.of(
                        entry.getKey(),
                        UNDECIDED.getOrDefault(
                                entry.getKey(), entry.getValue().path("expect").asString())));
    }

    @ParameterizedTest
    @MethodSource("files")
    void isAcceptedOrRefusedAsExpected(String name, String expected) throws IOException {
        Path file = Shared.path(FOLDER).resolve(name);
        if (expected.equals("ok")) {
            try (SafetensorsFile opened = SafetensorsFile.open(file)) {
                for (String tensor : opened.names()) {
                    assertThat(opened.bytes(tensor).byteSize())
                            .isEqualTo(opened.info(tensor).byteSize());
                }
            }
        } else {
            SafetensorsException refusal = catchThrowableOfType(SafetensorsException.class,
                    () -> SafetensorsFile.open(file));
            assertThat(refusal.kind()).isEqualTo(Kind.valueOf(expected));
            assertThat(refusal).hasMessageStartingWith(file + ": ");
        }
    }

    @Test
    void everyFileIsCovered() throws IOException {
        try (Stream<Path> found = Files.list(Shared.path(FOLDER))) {
            assertThat(files().map(a -> a.get()[0]))
                    .hasSize(26)
                    .containsExactlyInAnyOrderElementsOf(found.map(f -> f.getFileName().toString())
                            .filter(f -> f.endsWith(".safetensors"))
                            .toList());
        }
    }

    @Test
    void specialNumbersKeepTheirBits() throws IOException {
        try (SafetensorsFile file = SafetensorsFile
                .open(Shared.path(FOLDER).resolve("ok-special-floats.safetensors"))) {
            String name = file.names().iterator().next();
            float[] values = file.tensor(name).toArray();
            assertThat(values).contains(Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, -0f, Float.MAX_VALUE);
            assertThat(IntStream.range(0, values.length)).anyMatch(i -> Float.isNaN(values[i]));
        }
    }

    @Test
    void typesThatWeightsCannotHaveAreReadableAsBytesOnly() throws IOException {
        try (SafetensorsFile file = SafetensorsFile.open(Shared.path(FOLDER).resolve("ok-all-dtypes.safetensors"))) {
            String name = file.names().stream()
                    .filter(n -> dtype(file, n).equals("I64"))
                    .findFirst()
                    .orElseThrow();
            assertThat(file.bytes(name).byteSize()).isPositive();
            assertThatThrownBy(() -> file.tensor(name))
                    .isInstanceOf(SafetensorsException.class)
                    .hasMessageContaining("'" + name + "'")
                    .hasMessageContaining("I64");
        }
    }

    private static String dtype(SafetensorsFile file, String name) {
        try {
            return file.info(name).dtype();
        } catch (SafetensorsException e) {
            throw new AssertionError(e);
        }
    }
}
