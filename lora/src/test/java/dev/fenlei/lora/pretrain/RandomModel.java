package dev.fenlei.lora.pretrain;

import dev.fenlei.engine.tensor.DType;
import java.io.IOException;
import java.nio.file.Path;

/// A random model of two layers for tests of what is built on a decoder.
public final class RandomModel {

    public static final int VOCABULARY = 320;

    private RandomModel() {}

    /// Writes `config.json` and `model.safetensors`.
    public static Path write(Path directory) throws IOException {
        return write(directory, VOCABULARY, 64);
    }

    /// Writes a model of another vocabulary and longer texts.
    public static Path write(Path directory, int vocabulary, int positions) throws IOException {
        ModelShape shape = new ModelShape(vocabulary, 16, 24, 2, 4, 2, positions, 100, true);
        shape.writeConfig(directory, 2, DType.F32);
        shape.writeWeights(directory, 5);
        return directory;
    }
}
