package dev.fenlei.lora.train;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Workspace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/// The training loop: windows of packed batches, each window one optimizer step.
///
/// The loss of a window is the sum of the cross-entropies of its label tokens divided by their number, over the whole
/// window, so that long and short labels count alike (as `transformers` does since 4.46). The same examples, settings and
/// parameters give the same result bit for bit.
public final class Trainer {

    /// What happened in one optimizer step.
    ///
    /// @param step counted from 1
    /// @param totalSteps how many there will be
    /// @param epoch how far in the data, in epochs
    /// @param loss of the window, before the step
    /// @param learningRate used in the step
    /// @param gradientNorm before clipping
    /// @param tokens rows that went through the model in this window
    public record Step(
            int step, int totalSteps, double epoch, double loss, double learningRate, double gradientNorm,
            long tokens) {}

    /// Hears of every step.
    @FunctionalInterface
    public interface Listener {
        /// @return whether to go on
        boolean onStep(Step step);
    }

    private final Decoder decoder;
    private final List<Parameter> parameters;
    private final TrainingSettings settings;
    private final AdamW optimizer;

    /// @param parameters what is trained: an adapter's or all of the decoder's
    public Trainer(Decoder decoder, List<Parameter> parameters, TrainingSettings settings) {
        this.decoder = decoder;
        this.parameters = List.copyOf(parameters);
        this.settings = settings;
        this.optimizer = new AdamW(decoder.backend(), this.parameters, settings);
    }

    /// The number of optimizer steps done, those before [#loadState] included.
    public int steps() {
        return optimizer.steps();
    }

    /// Writes what the trainer remembers beside the parameters: the moments of AdamW and the number of steps. The learning rate,
    /// the order of the examples and dropout are functions of seed and step.
    public void saveState(Path file) throws IOException {
        optimizer.save(file);
    }

    /// Takes up where [#saveState] was called. With the parameters of then, the same examples and the same settings, [#train] goes
    /// on as if it had not been interrupted, bit for bit.
    ///
    /// @throws TrainingException if the file belongs to other parameters
    public void loadState(Path file) throws IOException {
        optimizer.load(file);
    }

    /// Trains until all epochs are done or the listener says stop.
    ///
    /// @throws TrainingException if the loss or the gradient stops being a number, naming the step and the examples. The
    ///     parameters are those before that step.
    public void train(List<TrainingExample> examples, Listener listener) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("there is no example to train on");
        }
        int total = settings.totalSteps(examples.size());
        int perEpoch = settings.stepsPerEpoch(examples.size());
        int windowSize = settings.batchSize() * settings.accumulation();
        int[] order = {};
        int ordered = -1;
        try (Workspace workspace = decoder.backend().newWorkspace()) {
            while (optimizer.steps() < total) {
                int step = optimizer.steps();
                int epoch = step / perEpoch;
                if (epoch != ordered) {
                    order = order(examples.size(), epoch);
                    ordered = epoch;
                }
                int from = step % perEpoch * windowSize;
                int[] indices = Arrays.copyOfRange(order, from, Math.min(order.length, from + windowSize));
                List<TrainingExample> window = Arrays.stream(indices).mapToObj(examples::get).toList();
                double loss = accumulate(workspace, window, indices, step);
                double norm = optimizer.gradientNorm();
                if (!Double.isFinite(norm)) {
                    throw diverged(step, "gradient norm is " + norm, indices);
                }
                double factor = settings.schedule().factor(step, settings.warmupSteps(), total);
                optimizer.step(factor, norm);
                double progress = epoch + Math.min(1, (double) (from + windowSize) / order.length);
                long tokens = window.stream().mapToLong(TrainingExample::rows).sum();
                double rate = settings.learningRate() * factor;
                if (!listener.onStep(new Step(step + 1, total, progress, loss, rate, norm, tokens))) {
                    return;
                }
            }
        }
    }

    /// Adds the gradients of one window, and returns its loss.
    private double accumulate(Workspace workspace, List<TrainingExample> window, int[] indices, int step) {
        int labelTokens = window.stream().mapToInt(TrainingExample::labelTokens).sum();
        Backend backend = decoder.backend();
        double sum = 0;
        for (int from = 0; from < window.size(); from += settings.batchSize()) {
            workspace.reset();
            int to = Math.min(window.size(), from + settings.batchSize());
            PackedBatch batch = PackedBatch.of(window.subList(from, to));
            long key = Philox.mix(Philox.mix(settings.seed(), step), from);
            Pass pass = new Pass(backend, workspace, true, key);
            Decoder.Activations activations = decoder.forwardForTraining(pass, batch.batch(), settings.checkpointing());
            Decoder.Loss loss = decoder.loss(pass, activations, batch.targets(), 1f / labelTokens);
            if (!Double.isFinite(loss.sum())) {
                throw diverged(step, "loss is " + loss.sum(), Arrays.copyOfRange(indices, from, to));
            }
            decoder.backward(pass, activations, loss.gradient());
            sum += loss.sum();
        }
        return sum / labelTokens;
    }

    private static TrainingException diverged(int step, String what, int[] indices) {
        return new TrainingException(
                "step " + (step + 1) + ": the " + what + "; a lower learning rate may help",
                Arrays.stream(indices).boxed().toList());
    }

    /// The order of the examples in an epoch (Fisher & Yates), a function of seed and epoch.
    private int[] order(int size, int epoch) {
        int[] order = new int[size];
        for (int i = 0; i < size; i++) {
            order[i] = i;
        }
        if (settings.shuffle()) {
            long key = Philox.mix(settings.seed(), 0x0EDE5L + epoch);
            int[] words = new int[4];
            for (int i = size - 1; i > 0; i--) {
                Philox.block(key, i, words);
                int j = (int) Long.remainderUnsigned(((long) words[0] << 32) | (words[1] & 0xFFFFFFFFL), i + 1);
                int swap = order[i];
                order[i] = order[j];
                order[j] = swap;
            }
        }
        return order;
    }
}
