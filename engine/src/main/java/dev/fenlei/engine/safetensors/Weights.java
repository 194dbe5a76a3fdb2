package dev.fenlei.engine.safetensors;

import dev.fenlei.engine.safetensors.SafetensorsException.Kind;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;

/// Named tensors on disk: one file or several that an index binds together.
public interface Weights extends AutoCloseable {

    /// Opens a `.safetensors` file, or the `model.safetensors` or `model.safetensors.index.json` of a directory.
    static Weights open(Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return path.getFileName().toString().endsWith(".index.json")
                    ? ShardedWeights.open(path)
                    : SafetensorsFile.open(path);
        }
        Path index = path.resolve("model.safetensors.index.json");
        if (Files.exists(index)) {
            return ShardedWeights.open(index);
        }
        Path single = path.resolve("model.safetensors");
        if (!Files.exists(single)) {
            throw new NoSuchFileException(
                    single.toString(), null, "the directory holds no model.safetensors and no index of shards");
        }
        return SafetensorsFile.open(single);
    }

    /// The names of all tensors.
    Set<String> names();

    /// What the header says of a tensor.
    ///
    /// @throws SafetensorsException if there is none of that name
    TensorInfo info(String name) throws SafetensorsException;

    /// A tensor's elements where they lie on disk, not copied. Leading dimensions are folded into rows.
    ///
    /// @throws SafetensorsException if there is none of that name, or its type is not F32, F16 or BF16
    Tensor tensor(String name) throws SafetensorsException;

    /// A tensor that must have a certain shape.
    ///
    /// @param shape the expected dimensions
    /// @throws SafetensorsException also if the shape is another
    default Tensor tensor(String name, Path source, long... shape) throws SafetensorsException {
        // The type first: packed quantised weights have another shape too, which would be the less telling complaint.
        Tensor tensor = tensor(name);
        TensorInfo info = info(name);
        if (!Arrays.equals(info.shape(), shape)) {
            throw new SafetensorsException(
                    source,
                    Kind.TensorInvalidInfo,
                    "tensor '" + name + "' has shape " + info.shapeText() + ", the configuration asks for "
                            + new TensorInfo(name, "", shape, 0, 0).shapeText());
        }
        return tensor;
    }

    @Override
    void close();
}
