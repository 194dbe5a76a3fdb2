package dev.fenlei.lora.train;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Philox;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.Parameter;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Workspace;
import java.util.ArrayList;
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

    /// @param parameters what is trained: an adapter's or all of the decoder's
    public Trainer(Decoder decoder, List<Parameter> parameters, TrainingSettings settings) {
        this.decoder = decoder;
        this.parameters = List.copyOf(parameters);
        this.settings = settings;
    }

    /// Trains until all epochs are done or the listener says stop.
    ///
    /// @throws TrainingException if the loss or the gradient stops being a number
    public void train(List<TrainingExample> examples, Listener listener) {
        if (examples.isEmpty()) {
            throw new IllegalArgumentException("there is no example to train on");
        }
        AdamW optimizer = new AdamW(decoder.backend(), parameters, settings);
        int total = settings.totalSteps(examples.size());
        int step = 0;
        int windowSize = settings.batchSize() * settings.accumulation();
        try (Workspace workspace = decoder.backend().newWorkspace()) {
            for (int epoch = 0; step < total; epoch++) {
                int[] order = order(examples.size(), epoch);
                for (int from = 0; from < order.length && step < total; from += windowSize) {
                    List<TrainingExample> window = new ArrayList<>();
                    for (int i = from; i < Math.min(order.length, from + windowSize); i++) {
                        window.add(examples.get(order[i]));
                    }
                    double loss = accumulate(workspace, window, step);
                    double norm = optimizer.gradientNorm();
                    double factor = settings.schedule().factor(step, settings.warmupSteps(), total);
                    double rate = settings.learningRate() * factor;
                    step++;
                    if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
                        throw new TrainingException("step " + step + ": the loss is " + loss + " and the gradient norm "
                                + norm + "; a lower learning rate may help");
                    }
                    optimizer.step(factor, norm);
                    double progress = epoch + Math.min(1, (double) (from + windowSize) / order.length);
                    long tokens = window.stream().mapToLong(TrainingExample::rows).sum();
                    if (!listener.onStep(new Step(step, total, progress, loss, rate, norm, tokens))) {
                        return;
                    }
                }
            }
        }
    }

    /// Adds the gradients of one window, and returns its loss.
    private double accumulate(Workspace workspace, List<TrainingExample> window, int step) {
        int labelTokens = window.stream().mapToInt(TrainingExample::labelTokens).sum();
        Backend backend = decoder.backend();
        double sum = 0;
        for (int from = 0; from < window.size(); from += settings.batchSize()) {
            workspace.reset();
            PackedBatch batch = PackedBatch
                    .of(window.subList(from, Math.min(window.size(), from + settings.batchSize())));
            long key = Philox.mix(Philox.mix(settings.seed(), step), from);
            Pass pass = new Pass(backend, workspace, true, key);
            Decoder.Activations activations = decoder.forwardForTraining(pass, batch.batch(), settings.checkpointing());
            Decoder.Loss loss = decoder.loss(pass, activations, batch.targets(), 1f / labelTokens);
            decoder.backward(pass, activations, loss.gradient());
            sum += loss.sum();
        }
        return sum / labelTokens;
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
