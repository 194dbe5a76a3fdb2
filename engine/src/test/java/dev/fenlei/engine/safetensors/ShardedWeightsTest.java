package dev.fenlei.engine.safetensors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fenlei.engine.safetensors.SafetensorsWriter.Entry;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShardedWeightsTest {

    @TempDir
    Path directory;

    private Path index;

    @BeforeEach
    void writeShards() throws IOException {
        index = directory.resolve("model.safetensors.index.json");
        writeShard("one.safetensors", "a", 1);
        writeShard("two.safetensors", "b", 2);
        writeIndex("one.safetensors", "two.safetensors");
    }

    private void writeShard(String file, String tensor, float value) throws IOException {
        try (Workspace workspace = new Workspace()) {
            Tensor content = workspace.take(1, 1);
            content.set(0, 0, value);
            SafetensorsWriter.write(directory.resolve(file), Map.of(), List.of(Entry.vector(tensor, content)));
        }
    }

    private void writeIndex(String a, String b) throws IOException {
        Files.writeString(index, """
                {"metadata": {"total_size": 8}, "weight_map": {"a": "%s", "b": "%s"}}
                """.formatted(a, b));
    }

    @Test
    void tensorsComeFromTheirShards() throws IOException {
        for (Path path : List.of(directory, index)) {
            try (Weights weights = Weights.open(path)) {
                assertThat(weights.names()).containsExactly("a", "b");
                assertThat(weights.tensor("a").get(0, 0)).isEqualTo(1);
                assertThat(weights.tensor("b").get(0, 0)).isEqualTo(2);
                assertThat(weights.info("b").shapeText()).isEqualTo("[1]");
                assertThatThrownBy(() -> weights.tensor("c"))
                        .isInstanceOf(SafetensorsException.class)
                        .hasMessageContaining(index.toString())
                        .hasMessageContaining("'c'");
            }
        }
    }

    @Test
    void aMissingShardIsNamed() throws IOException {
        Files.delete(directory.resolve("two.safetensors"));
        assertThatThrownBy(() -> Weights.open(directory))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining(directory.resolve("two.safetensors").toString())
                .hasMessageContaining("model.safetensors.index.json");
    }

    @Test
    void aTensorThatItsShardLacksIsNamed() throws IOException {
        writeIndex("one.safetensors", "one.safetensors");
        assertThatThrownBy(() -> Weights.open(directory))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining(index.toString())
                .hasMessageContaining("'b'")
                .hasMessageContaining("one.safetensors");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"../one.safetensors", "/etc/passwd", "sub\\\\one.safetensors", "..", "", "sub/one.safetensors"})
    void aShardOutsideTheDirectoryIsRefused(String name) throws IOException {
        writeIndex(name, "two.safetensors");
        assertThatThrownBy(() -> Weights.open(directory))
                .isInstanceOf(SafetensorsException.class)
                .hasMessageContaining(index.toString())
                .hasMessageContaining("'a'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[]", "{", "{\"metadata\": {}}", "{\"weight_map\": [\"a\"]}",
        "{\"weight_map\": {\"a\": 3}}"})
    void aMalformedIndexIsRefused(String json) throws IOException {
        Files.writeString(index, json);
        assertThatThrownBy(() -> Weights.open(directory))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(directory.toString());
    }

    @Test
    void aDirectoryWithoutWeightsSaysWhatItLacks() throws IOException {
        Files.delete(index);
        assertThatThrownBy(() -> Weights.open(directory))
                .isInstanceOf(NoSuchFileException.class)
                .hasMessageContaining("model.safetensors");
    }
}
