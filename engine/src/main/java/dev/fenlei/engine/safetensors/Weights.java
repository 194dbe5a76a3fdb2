package dev.fenlei.engine.safetensors;

import dev.fenlei.engine.safetensors.SafetensorsException.Kind;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;

/// Named tensors on disk: one file or several that an index binds together.
public interface Weights extends AutoCloseable {

    /// What the name of an I8 tensor's scales has behind the name of the tensor.
    String SCALE_SUFFIX = "_scale";

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

    /// The file that holds a tensor.
    ///
    /// @throws SafetensorsException if there is none of that name
    Path file(String name) throws SafetensorsException;

    /// The raw bytes of a tensor of any type, little-endian.
    ///
    /// @throws SafetensorsException if there is none of that name
    MemorySegment bytes(String name) throws SafetensorsException;

    /// A tensor's elements where they lie on disk, not copied. Leading dimensions are folded into rows. The scales of I8 are
    /// those of the tensor `<name>_scale`, as the compressed-tensors format names them.
    ///
    /// @throws SafetensorsException if there is none of that name, or its type is another than F32, F16, BF16 and I8 with scales
    default Tensor tensor(String name) throws SafetensorsException {
        TensorInfo info = info(name);
        DType dtype = switch (info.dtype()) {
            case "F32" -> DType.F32;
            case "F16" -> DType.F16;
            case "BF16" -> DType.BF16;
            case "I8" -> DType.I8;
            default ->
                throw new SafetensorsException(
                        file(name),
                        Kind.UnsupportedDtype,
                        "tensor '" + name + "' has type " + info.dtype()
                                + "; weights can be F32, F16 or BF16, or I8 with a scale for each row");
        };
        long[] shape = info.shape();
        long columns = shape.length == 0 ? 1 : shape[shape.length - 1];
        long rows = columns == 0 ? 0 : info.size() / columns;
        if (rows > Integer.MAX_VALUE || columns > Integer.MAX_VALUE) {
            throw new SafetensorsException(
                    file(name), Kind.ValidationOverflow,
                    "tensor '" + name + "' is too large: " + info.shapeText());
        }
        return dtype == DType.I8
                ? Tensor.int8(bytes(name), (int) rows, (int) columns, scales(name, (int) rows))
                : Tensor.of(bytes(name), dtype, (int) rows, (int) columns);
    }

    private Tensor scales(String name, int rows) throws SafetensorsException {
        String scale = name + SCALE_SUFFIX;
        if (!names().contains(scale)) {
            throw new SafetensorsException(
                    file(name), Kind.TensorNotFound,
                    "tensor '" + name + "' has type I8, and there is no '" + scale + "' with the scales of its rows");
        }
        Tensor scales = tensor(scale);
        if (scales.size() != rows || scales.dtype() == DType.I8) {
            throw new SafetensorsException(
                    file(scale), Kind.TensorInvalidInfo,
                    "tensor '" + scale + "' is " + scales + "; it must be a number for each of the " + rows
                            + " rows of '" + name + "'");
        }
        return scales.reshape(rows, 1);
    }

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
