package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongConsumer;

/// Writes a model with its matrices quantised as [Quantization#INT8] says, one tensor at a time, so that it need not fit into
/// memory.
public final class QuantizedModel {

    /// Rows that are compared at a time.
    private static final int ROWS = 1024;

    private final Weights weights;
    private final Backend backend;
    private final Workspace workspace;
    private final LongConsumer progress;
    private double squares;
    private double squaredErrors;

    /// What was written.
    ///
    /// @param tensors how many were quantised
    /// @param bytes the size of all weights now
    /// @param bytesBefore their size in the model that was read
    /// @param relativeError √(Σ(w − ŵ)² / Σw²) over all quantised elements
    public record Report(int tensors, long bytes, long bytesBefore, double relativeError) {}

    private QuantizedModel(Weights weights, Backend backend, Workspace workspace, LongConsumer progress) {
        this.weights = weights;
        this.backend = backend;
        this.workspace = workspace;
        this.progress = progress;
    }

    /// The size of all weights of a model.
    public static long bytes(Path model) throws IOException {
        try (Weights weights = Weights.open(model)) {
            return bytes(weights);
        }
    }

    private static long bytes(Weights weights) throws IOException {
        long bytes = 0;
        for (String name : weights.names()) {
            bytes += weights.info(name).byteSize();
        }
        return bytes;
    }

    /// Writes `model.safetensors` and what belongs to the model.
    ///
    /// @param model the directory of a model that is not quantised
    /// @param out the directory to write, another one
    /// @param progress is told the size of each tensor, in bytes before it was quantised, when it has been written
    /// @throws IOException if the model cannot be read, is quantised already or holds infinite values, or `out` cannot be written
    public static Report write(Path model, Path out, Backend backend, LongConsumer progress) throws IOException {
        try (Decoder decoder = Decoder.load(model, backend);
                Workspace workspace = backend.newWorkspace()) {
            Set<String> matrices = new HashSet<>();
            decoder.linears().forEach(linear -> matrices.add(linear.name() + ".weight"));
            boolean tied = decoder.config().tiedEmbeddings();
            if (!tied) {
                matrices.add(decoder.head().name() + ".weight");
            }
            Weights weights = decoder.weights();
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            QuantizedModel quantized = new QuantizedModel(weights, backend, workspace, progress);
            for (String name : new TreeSet<>(weights.names())) {
                if (matrices.contains(name)) {
                    quantized.addQuantised(name, entries);
                } else {
                    quantized.add(name, entries);
                }
            }
            Files.createDirectories(out);
            Path file = out.resolve("model.safetensors");
            write(file, entries);
            ModelFiles.copy(model, out, config -> QuantizationConfig.describe(config, tied));
            double error = Math.sqrt(quantized.squaredErrors / Math.max(Double.MIN_NORMAL, quantized.squares));
            return new Report(matrices.size(), Files.size(file), bytes(weights), error);
        }
    }

    private static void write(Path file, List<SafetensorsWriter.Entry> entries) throws IOException {
        try {
            SafetensorsWriter.write(file, Map.of("format", "pt"), entries);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private void add(String name, List<SafetensorsWriter.Entry> entries) throws IOException {
        Tensor tensor = weights.tensor(name);
        entries.add(new SafetensorsWriter.Entry(name, tensor.dtype(), weights.info(name).shape(), () -> {
            progress.accept(tensor.byteSize());
            return tensor;
        }));
    }

    private void addQuantised(String name, List<SafetensorsWriter.Entry> entries) throws IOException {
        Tensor tensor = weights.tensor(name);
        if (tensor.dtype() == DType.I8) {
            throw new ModelException(weights.file(name), "tensor '" + name + "' is quantised already");
        }
        long[] shape = {tensor.rows(), tensor.columns()};
        // The writer puts wide types first: scales and elements are asked for at different times, and made twice.
        entries.add(new SafetensorsWriter.Entry(name, DType.I8, shape, () -> {
            Tensor quantised = quantised(name, tensor);
            measure(tensor, quantised);
            progress.accept(tensor.byteSize());
            return quantised;
        }));
        entries.add(new SafetensorsWriter.Entry(
                name + Weights.SCALE_SUFFIX, DType.F32, new long[] {tensor.rows(), 1},
                () -> Objects.requireNonNull(quantised(name, tensor).scales())));
    }

    private Tensor quantised(String name, Tensor tensor) {
        workspace.reset();
        Tensor quantised = workspace.take(DType.I8, tensor.rows(), tensor.columns());
        try {
            Quantization.quantise(backend, weights, name, tensor, quantised);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return quantised;
    }

    /// Adds to the sums of [Report#relativeError].
    private void measure(Tensor exact, Tensor quantised) {
        for (int row = 0; row < exact.rows(); row += ROWS) {
            int end = Math.min(exact.rows(), row + ROWS);
            Workspace.Mark mark = workspace.mark();
            Tensor difference = workspace.take(end - row, exact.columns());
            backend.copy(exact.rows(row, end), difference);
            squares += backend.sumOfSquares(difference);
            Tensor approximate = workspace.take(end - row, exact.columns());
            backend.copy(quantised.rows(row, end), approximate);
            backend.add(approximate, -1, difference);
            squaredErrors += backend.sumOfSquares(difference);
            workspace.release(mark);
        }
    }
}
