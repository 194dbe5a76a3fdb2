package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.TensorInfo;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Adds an adapter's update to the base model's weights and writes a model of its own.
public final class Merger {

    /// What was written.
    ///
    /// @param modules the number of matrices that changed
    /// @param maxRoundingError the greatest difference between a merged weight in single precision and what was stored,
    ///     relative to the greatest weight of its matrix
    public record Report(int modules, double maxRoundingError) {}

    private Merger() {}

    /// Writes `model.safetensors` and the companions of the base model. Sums are formed in single precision and rounded once.
    ///
    /// @param decoder the base model, from `base`
    /// @param base the base model's directory
    /// @param out the directory to write; must not be `base`
    /// @param dtype the type of the merged model; null keeps each tensor's own
    public static Report merge(Decoder decoder, Adapter adapter, Path base, Path out, @Nullable DType dtype)
            throws IOException {
        Files.createDirectories(out);
        if (Files.isSameFile(base, out)) {
            throw new IllegalArgumentException(out + ": the merged model would replace the base model");
        }
        Backend backend = decoder.backend();
        // A head that was tied to the embedding is another matrix as soon as one of the two has changed.
        boolean untied = decoder.isHeadTrained() || adapter.adaptsEmbedding();
        double[] error = {0};
        int[] modules = {0};
        try (Workspace workspace = backend.newWorkspace()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            for (String name : decoder.weights().names()) {
                TensorInfo info = decoder.weights().info(name);
                Tensor weight = decoder.weights().tensor(name);
                DType target = dtype == null ? weight.dtype() : dtype;
                String module = name.replaceFirst("\\.weight$", "");
                boolean isHead = name.equals("lm_head.weight") && decoder.isHeadTrained();
                entries.add(new SafetensorsWriter.Entry(name, target, info.shape(), () -> {
                    workspace.reset();
                    Tensor source = isHead ? decoder.head().weight() : weight;
                    Tensor merged = workspace.take(source.rows(), source.columns());
                    adapter.merge(backend, module, source, merged);
                    Tensor rounded = workspace.take(target, source.rows(), source.columns());
                    backend.copy(merged, rounded);
                    if (adapter.adapts(module)) {
                        modules[0]++;
                        error[0] = Math.max(error[0], relativeError(merged, rounded));
                    }
                    return rounded;
                }));
            }
            if (untied && !decoder.weights().names().contains("lm_head.weight")) {
                entries.add(SafetensorsWriter.Entry.matrix("lm_head.weight", decoder.head().weight()));
            }
            SafetensorsWriter.write(out.resolve("model.safetensors"), Map.of("format", "pt"), entries);
        }
        ModelFiles.copy(base, out, config -> {
            if (dtype != null) {
                ModelFiles.setDType(config, dtype);
            }
            if (untied) {
                config.put("tie_word_embeddings", false);
            }
        });
        return new Report(modules[0], error[0]);
    }

    private static double relativeError(Tensor exact, Tensor rounded) {
        double difference = 0;
        double greatest = Double.MIN_NORMAL;
        for (int r = 0; r < exact.rows(); r++) {
            for (int c = 0; c < exact.columns(); c++) {
                float value = exact.get(r, c);
                difference = Math.max(difference, Math.abs((double) value - rounded.get(r, c)));
                greatest = Math.max(greatest, Math.abs(value));
            }
        }
        return difference / greatest;
    }
}
