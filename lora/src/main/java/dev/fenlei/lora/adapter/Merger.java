package dev.fenlei.lora.adapter;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.engine.safetensors.SafetensorsException;
import dev.fenlei.engine.safetensors.SafetensorsWriter;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/// Adds an adapter to the base model's weights and writes a model of its own. Sums are formed in single precision and rounded
/// once.
public final class Merger {

    private static final String EMBEDDING = "model.embed_tokens.weight";
    private static final String HEAD = "lm_head.weight";

    /// What was written.
    ///
    /// @param tensors the number of tensors that changed
    /// @param maxAbsoluteError the greatest difference between a merged weight in single precision and what was stored
    /// @param maxRelativeError the same relative to the greatest weight of its tensor
    public record Report(int tensors, double maxAbsoluteError, double maxRelativeError) {}

    private final Decoder decoder;
    private final Map<String, AdaptedModule> changes;
    private final boolean untied;
    private final @Nullable DType dtype;
    private int merged;
    private double absoluteError;
    private double relativeError;

    private Merger(Decoder decoder, Adapter adapter, @Nullable DType dtype) {
        this.decoder = decoder;
        this.changes = adapter.byTarget();
        // A head that was tied to the embedding is another matrix as soon as one of the two has changed.
        this.untied = decoder.config().tiedEmbeddings()
                && (changes.containsKey(EMBEDDING) || changes.containsKey(HEAD));
        this.dtype = dtype;
    }

    /// Writes `model.safetensors` and the companions of the base model.
    ///
    /// @param decoder the base model, from `base`
    /// @param base the base model's directory
    /// @param out the directory to write; must not be `base`
    /// @param dtype the type of the merged model; null keeps each tensor's own, which a quantised model does not allow
    /// @throws IllegalArgumentException if `out` is `base`, or the base model is quantised and `dtype` is null
    public static Report merge(Decoder decoder, Adapter adapter, Path base, Path out, @Nullable DType dtype)
            throws IOException {
        Files.createDirectories(out);
        if (Files.isSameFile(base, out)) {
            throw new IllegalArgumentException(out + ": the merged model would replace the base model");
        }
        if (dtype == null && decoder.isQuantised()) {
            throw new IllegalArgumentException(
                    base + ": what is merged into quantised weights has to have another type; name it");
        }
        Merger merger = new Merger(decoder, adapter, dtype);
        merger.writeWeights(out);
        ModelFiles.copy(base, out, config -> {
            if (dtype != null) {
                ModelFiles.setDType(config, dtype);
                ModelFiles.forgetQuantization(config);
            }
            if (merger.untied) {
                config.put("tie_word_embeddings", false);
            }
        });
        return new Report(merger.merged, merger.absoluteError, merger.relativeError);
    }

    private void writeWeights(Path out) throws IOException {
        TreeSet<String> names = new TreeSet<>(decoder.weights().names());
        if (decoder.isQuantised()) {
            names.removeIf(name -> name.endsWith(Weights.SCALE_SUFFIX));
        }
        if (untied) {
            names.add(HEAD);
        }
        try (Workspace workspace = decoder.backend().newWorkspace()) {
            List<SafetensorsWriter.Entry> entries = new ArrayList<>();
            for (String name : names) {
                entries.add(entry(name, workspace));
            }
            SafetensorsWriter.write(out.resolve("model.safetensors"), Map.of("format", "pt"), entries);
        }
    }

    private SafetensorsWriter.Entry entry(String name, Workspace workspace) throws SafetensorsException {
        // A head of its own begins as the embedding, even if the file holds an unused one.
        String source = untied && name.equals(HEAD) ? EMBEDDING : name;
        Tensor weight = decoder.weights().tensor(source);
        DType target = dtype == null ? weight.dtype() : dtype;
        AdaptedModule change = changes.get(name);
        return new SafetensorsWriter.Entry(name, target, decoder.weights().info(source).shape(), () -> {
            workspace.reset();
            return change == null ? converted(weight, target, workspace) : changed(weight, change, target, workspace);
        });
    }

    private Tensor changed(Tensor weight, AdaptedModule change, DType target, Workspace workspace) {
        Backend backend = decoder.backend();
        Tensor exact = workspace.take(weight.rows(), weight.columns());
        backend.copy(weight, exact);
        change.merge(backend, exact);
        Tensor rounded = converted(exact, target, workspace);
        merged++;
        double difference = 0;
        double greatest = Double.MIN_NORMAL;
        for (int r = 0; r < exact.rows(); r++) {
            float[] values = exact.row(r).toArray();
            float[] stored = rounded.row(r).toArray();
            for (int c = 0; c < values.length; c++) {
                difference = Math.max(difference, Math.abs((double) values[c] - stored[c]));
                greatest = Math.max(greatest, Math.abs(values[c]));
            }
        }
        absoluteError = Math.max(absoluteError, difference);
        relativeError = Math.max(relativeError, difference / greatest);
        return rounded;
    }

    private Tensor converted(Tensor weight, DType target, Workspace workspace) {
        if (weight.dtype() == target) {
            return weight;
        }
        Tensor result = workspace.take(target, weight.rows(), weight.columns());
        decoder.backend().copy(weight, result);
        return result;
    }
}
