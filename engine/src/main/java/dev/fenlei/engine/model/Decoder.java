package dev.fenlei.engine.model;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.safetensors.SafetensorsException;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// A decoder-only transformer: embedding, layers, final norm, head.
///
/// One pass at a time; a decoder is not safe for use by several threads at once.
public final class Decoder implements AutoCloseable {

    /// Rows of logits that are computed at a time: enough for full speed, few enough that a large vocabulary fits.
    private static final int HEAD_ROWS = 256;

    private final ModelConfig config;
    private final Backend backend;
    private final Weights weights;
    private final Quantization quantization;
    private final List<DecoderLayer> layers = new ArrayList<>();
    private final RmsNorm finalNorm;
    private final Linear head;
    private final Embedding embedding;

    private Decoder(ModelConfig config, Backend backend, Weights weights, Quantization quantization, Path source)
            throws IOException {
        this.config = config;
        this.backend = backend;
        this.weights = weights;
        this.quantization = quantization;
        int hidden = config.hiddenSize();
        Rotary rotary = new Rotary(backend, config);
        embedding = new Embedding(
                "model.embed_tokens",
                place("model.embed_tokens.weight", source, config.vocabSize(), hidden));
        for (int i = 0; i < config.layers(); i++) {
            String layer = "model.layers." + i;
            layers.add(new DecoderLayer(
                    norm(layer + ".input_layernorm", hidden, source),
                    attention(layer + ".self_attn.", rotary, config.windows().get(i), source),
                    norm(layer + ".post_attention_layernorm", hidden, source),
                    mlp(layer + ".mlp.", source)));
        }
        finalNorm = norm("model.norm", hidden, source);
        head = config.tiedEmbeddings()
                ? new Linear("lm_head", embedding.weight(), null)
                : linear("lm_head", config.vocabSize(), hidden, false, source);
    }

    /// Opens a model directory in Hugging Face form. The weights stay where they are, mapped, unless the backend computes in
    /// memory of its own.
    ///
    /// @throws IOException if a file is missing, breaks its format, or does not fit the configuration
    public static Decoder load(Path directory, Backend backend) throws IOException {
        return load(directory, backend, Quantization.NONE);
    }

    /// Opens a model directory in Hugging Face form. The weights stay where they are, mapped, except those that are quantised
    /// now: of these the backend holds copies.
    ///
    /// @param quantization what to do with matrices that are not quantised on disk
    /// @throws IOException if a file is missing, breaks its format, does not fit the configuration, or cannot be quantised
    public static Decoder load(Path directory, Backend backend, Quantization quantization) throws IOException {
        ModelConfig config = ModelConfig.load(directory);
        Weights weights = Weights.open(directory);
        try {
            return new Decoder(config, backend, weights, quantization, directory);
        } catch (IOException | RuntimeException e) {
            weights.close();
            throw e;
        }
    }

    private Attention attention(String name, Rotary rotary, int window, Path source) throws IOException {
        int hidden = config.hiddenSize();
        boolean bias = config.queryKeyValueBias();
        boolean normed = config.queryKeyNorm();
        return new Attention(
                config,
                rotary,
                window,
                linear(name + "q_proj", config.querySize(), hidden, bias, source),
                linear(name + "k_proj", config.keyValueSize(), hidden, bias, source),
                linear(name + "v_proj", config.keyValueSize(), hidden, bias, source),
                linear(name + "o_proj", hidden, config.querySize(), config.outputBias(), source),
                normed ? norm(name + "q_norm", config.headDim(), source) : null,
                normed ? norm(name + "k_norm", config.headDim(), source) : null);
    }

    private GatedMlp mlp(String name, Path source) throws IOException {
        int hidden = config.hiddenSize();
        int inner = config.intermediateSize();
        boolean bias = config.mlpBias();
        return new GatedMlp(
                linear(name + "gate_proj", inner, hidden, bias, source),
                linear(name + "up_proj", inner, hidden, bias, source),
                linear(name + "down_proj", hidden, inner, bias, source));
    }

    private Linear linear(String name, int out, int in, boolean bias, Path source) throws IOException {
        String matrix = name + ".weight";
        Tensor weight = quantization.apply(backend, weights, matrix, weights.tensor(matrix, source, out, in));
        return new Linear(name, backend.place(weight), bias ? place(name + ".bias", source, out) : null);
    }

    private RmsNorm norm(String name, int width, Path source) throws SafetensorsException {
        return new RmsNorm(name, place(name + ".weight", source, width), config.rmsNormEps());
    }

    private Tensor place(String name, Path source, long... shape) throws SafetensorsException {
        return backend.place(weights.tensor(name, source, shape));
    }

    /// The shape of the model.
    public ModelConfig config() {
        return config;
    }

    /// What carries out its operations.
    public Backend backend() {
        return backend;
    }

    /// The weights on disk, as they were before any training.
    public Weights weights() {
        return weights;
    }

    /// Whether any of its matrices is quantised, on disk or since.
    public boolean isQuantised() {
        return tensors().stream().anyMatch(weight -> weight.frozen().dtype() == DType.I8);
    }

    /// The bytes of all matrices that a token is multiplied by: those of the layers and of the head.
    public long matrixBytes() {
        return head.weight().byteSize()
                + linears().stream().mapToLong(linear -> linear.weight().byteSize()).sum();
    }

    /// Every linear map inside the layers, in order of the layers.
    public List<Linear> linears() {
        return layers.stream().flatMap(layer -> layer.linears().stream()).toList();
    }

    /// The map from tokens to hidden states.
    public Embedding embedding() {
        return embedding;
    }

    /// The map from hidden states to logits.
    public Linear head() {
        return head;
    }

    /// Every tensor of the model. Where head and embedding are tied, the head has an entry of its own over the same elements,
    /// so that a replacement of the one leaves the other as it was.
    public List<Weight> tensors() {
        List<Weight> tensors = new ArrayList<>();
        tensors.add(embedding.table());
        layers.forEach(layer -> tensors.addAll(layer.weights()));
        tensors.add(finalNorm.weight());
        tensors.addAll(head.weights());
        return tensors;
    }

    /// Makes every weight trainable. The parameters have the names of the base model's tensors; a tied head shares the
    /// embedding's.
    public List<Parameter> trainAll() {
        List<Weight> tensors = new ArrayList<>(tensors());
        Weight tiedHead = config.tiedEmbeddings() ? tensors.removeLast() : null;
        List<Parameter> parameters = tensors.stream().map(weight -> weight.train(backend)).toList();
        if (tiedHead != null) {
            tiedHead.replace(parameters.getFirst());
        }
        return parameters;
    }

    /// Takes everything off that was trained: all weights are those on disk again, without adaptations.
    public void restore() {
        tensors().forEach(weight -> weight.replace(null));
        linears().forEach(linear -> linear.adapt(null));
        head.adapt(null);
        embedding.adapt(null);
    }

    /// A pass's results, kept for the backward pass.
    ///
    /// @param hidden n × hidden: the outputs, before the final norm
    /// @param inputs what went into each layer
    /// @param layers what each layer saved; null where it is to be computed again
    public record Activations(Batch batch, Tensor hidden, List<Tensor> inputs,
            List<DecoderLayer.@Nullable Saved> layers) {}

    /// Runs the layers and returns the hidden states of the batch's n outputs before the final norm, n × hidden.
    ///
    /// @param cache keys and values of earlier rows; null when there are none
    public Tensor forward(Pass pass, Batch batch, @Nullable KeyValueCache cache) {
        Workspace workspace = pass.workspace();
        Tensor hidden = embed(pass, batch);
        Tensor next = workspace.take(batch.rows(), config.hiddenSize());
        for (int i = 0; i < layers.size(); i++) {
            int[] outputs = outputs(batch, i);
            Tensor output = outputs == null ? next : next.rows(0, outputs.length);
            Workspace.Mark mark = workspace.mark();
            layers.get(i).forward(pass, batch, hidden, cache == null ? null : cache.layer(i), outputs, output);
            workspace.release(mark);
            next = hidden;
            hidden = output;
        }
        return hidden;
    }

    /// The rows that a layer computes behind its attention; null for all.
    private int @Nullable [] outputs(Batch batch, int layer) {
        return layer < layers.size() - 1 || batch.allOutputs() ? null : batch.outputs();
    }

    /// Runs the layers and keeps what the backward pass needs.
    ///
    /// @param checkpointing keeps only the input of each layer and computes the rest again in the backward pass: less
    ///     memory, one more forward pass
    public Activations forwardForTraining(Pass pass, Batch batch, boolean checkpointing) {
        Workspace workspace = pass.workspace();
        List<Tensor> inputs = new ArrayList<>();
        List<DecoderLayer.@Nullable Saved> saved = new ArrayList<>();
        Tensor hidden = embed(pass, batch);
        for (int i = 0; i < layers.size(); i++) {
            inputs.add(hidden);
            int[] outputs = outputs(batch, i);
            Tensor output = workspace.take(outputs == null ? batch.rows() : outputs.length, config.hiddenSize());
            Workspace.Mark mark = workspace.mark();
            DecoderLayer.Saved state = layers.get(i).forward(pass, batch, hidden, null, outputs, output);
            if (checkpointing) {
                workspace.release(mark);
            }
            saved.add(checkpointing ? null : state);
            hidden = output;
        }
        return new Activations(batch, hidden, inputs, saved);
    }

    private Tensor embed(Pass pass, Batch batch) {
        for (int id : batch.ids()) {
            if (id < 0 || id >= config.vocabSize()) {
                throw new IllegalArgumentException(
                        "token id " + id + " is outside the model's vocabulary of " + config.vocabSize());
            }
        }
        for (int position : batch.positions()) {
            if (position >= config.maxPositions()) {
                throw new IllegalArgumentException("position " + position + " is past the model's "
                        + config.maxPositions() + " positions; shorten the text");
            }
        }
        Tensor hidden = pass.workspace().take(batch.rows(), config.hiddenSize());
        embedding.forward(pass, batch.ids(), hidden);
        return hidden;
    }

    /// Logits of some rows: n × vocabulary, in the pass's workspace.
    ///
    /// @param hidden as [#forward] returned it
    /// @param rows which of its rows
    public Tensor logits(Pass pass, Tensor hidden, int... rows) {
        Tensor logits = pass.workspace().take(rows.length, config.vocabSize());
        Workspace.Mark mark = pass.workspace().mark();
        Tensor normed = pass.workspace().take(rows.length, config.hiddenSize());
        backend.gatherRows(hidden, rows, normed);
        finalNorm.forward(pass, normed, normed);
        head.forward(pass, normed, logits, false);
        pass.workspace().release(mark);
        return logits;
    }

    /// The loss of a training pass.
    ///
    /// @param sum Σ of the cross-entropies of all targets
    /// @param gradient n × hidden: the gradient of the hidden states before the final norm
    public record Loss(double sum, Tensor gradient) {}

    /// Cross-entropy of the batch's outputs, and its gradient. The head is computed for a few rows at a time, so that the
    /// logits of a whole batch never exist at once.
    ///
    /// @param targets the token that each output should predict
    /// @param scale the factor of every gradient: 1 / number of targets in the whole accumulation window
    public Loss loss(Pass pass, Activations activations, int[] targets, float scale) {
        Workspace workspace = pass.workspace();
        Tensor hidden = activations.hidden();
        if (targets.length != hidden.rows()) {
            throw new IllegalArgumentException(targets.length + " targets for " + hidden.rows() + " outputs");
        }
        Tensor gradient = workspace.take(hidden.rows(), hidden.columns());
        backend.fill(gradient, 0);
        double sum = 0;
        for (int from = 0; from < targets.length; from += HEAD_ROWS) {
            Workspace.Mark mark = workspace.mark();
            int to = Math.min(targets.length, from + HEAD_ROWS);
            Tensor normed = workspace.take(to - from, config.hiddenSize());
            RmsNorm.Saved savedNorm = finalNorm.forward(pass, hidden.rows(from, to), normed);
            Tensor logits = workspace.take(to - from, config.vocabSize());
            Tensor savedHead = head.forward(pass, normed, logits, false);
            Tensor losses = workspace.take(1, to - from);
            backend.crossEntropy(
                    logits, Arrays.copyOfRange(targets, from, to), config.vocabSize(), scale, losses);
            for (float loss : losses.toArray()) {
                sum += loss;
            }
            Tensor dNormed = workspace.take(to - from, config.hiddenSize());
            head.backward(pass, logits, normed, savedHead, dNormed, false);
            finalNorm.backward(pass, dNormed, savedNorm, gradient.rows(from, to));
            workspace.release(mark);
        }
        return new Loss(sum, gradient);
    }

    /// Accumulates the gradients of everything that is trained.
    ///
    /// @param gradient n × hidden: the gradient of the outputs; used up
    public void backward(Pass pass, Activations activations, Tensor gradient) {
        Workspace workspace = pass.workspace();
        Batch batch = activations.batch();
        Tensor dInput = gradient;
        if (!batch.allOutputs()) {
            dInput = workspace.take(batch.rows(), config.hiddenSize());
            backend.fill(dInput, 0);
        }
        Tensor dOutput = gradient;
        for (int i = layers.size() - 1; i >= 0; i--) {
            Workspace.Mark mark = workspace.mark();
            int[] outputs = outputs(batch, i);
            DecoderLayer.Saved saved = activations.layers().get(i);
            if (saved == null) {
                Tensor output = workspace.take(dOutput.rows(), dOutput.columns());
                saved = layers.get(i)
                        .forward(pass, batch, activations.inputs().get(i), null, outputs, output);
            }
            boolean inputGradient = i > 0 || embedding.isTrained();
            layers.get(i).backward(pass, batch, dOutput, saved, outputs, dInput, inputGradient);
            workspace.release(mark);
            dOutput = dInput;
        }
        if (embedding.isTrained()) {
            embedding.backward(pass, dInput, batch.ids());
        }
    }

    @Override
    public void close() {
        weights.close();
    }
}
