package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.AdapterSum;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.adapter.Merger;
import dev.fenlei.lora.classify.AdapterCard;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/// `merge`: base model plus adapter as a model of its own, or several adapters as one.
@Command(
        name = "merge",
        description = "Add an adapter to its base model and write a model that needs no adapter; or, with --adapters, add "
                + "adapters of one base model to one another and write an adapter.")
public final class MergeCommand extends FenleiCommand {

    @Mixin
    private ModelOption model = new ModelOption();

    @ArgGroup(multiplicity = "1")
    private Source source = new Source();

    /// One adapter, or several.
    private static final class Source {

        @Option(names = "--adapter", paramLabel = "DIR",
                description = "LoRA adapter in PEFT form, to add to its base model.")
        private @Nullable Path adapter;

        @Option(names = "--adapters", split = ",", paramLabel = "DIR",
                description = "LoRA adapters of one base model, whose weighted sum becomes an adapter: the ranks are put "
                        + "side by side, so that it is exact. The base model is not read.")
        private @Nullable List<Path> adapters;
    }

    @Option(names = "--weights", split = ",", paramLabel = "W",
            description = "The factor of each of --adapters (default: 1 each).")
    private @Nullable List<Double> weights;

    @Option(names = "--out", required = true, paramLabel = "DIR",
            description = "The model or adapter directory to write: a new or an empty one.")
    private Path out = Path.of("");

    @Option(names = "--dtype", paramLabel = "TYPE",
            description = "Type of the weights: f32, f16 or bf16 (default: that of each weight of the base model; a quantised one "
                    + "needs it).")
    private @Nullable DType dtype;

    @Override
    protected int run() throws IOException {
        if (dtype == DType.I8) {
            throw new ParameterException(
                    spec().commandLine(), "--dtype must be f32, f16 or bf16; quantize makes i8 of a merged model");
        }
        Arguments.requireEmpty(out);
        if (source.adapters != null) {
            add(source.adapters);
        } else {
            merge(Objects.requireNonNull(source.adapter));
        }
        return OK;
    }

    private void merge(Path adapter) throws IOException {
        if (weights != null) {
            throw new ParameterException(spec().commandLine(), "--weights belongs to --adapters");
        }
        Path base = model.directory(adapter);
        try (Backend backend = new CpuBackend();
                Decoder decoder = Decoder.load(base, backend)) {
            if (dtype == null && decoder.isQuantised()) {
                throw new UserErrorException(base + ": the base model is quantised; say with --dtype what the merged "
                        + "weights are to be, or merge into the model that it was made from");
            }
            Merger.Report report = Merger.merge(decoder, Adapter.load(decoder, adapter), base, out, dtype);
            out().printf(
                    Locale.ROOT,
                    "merged %d tensors into %s; greatest rounding error %.2g, %.2g of the greatest weight of a tensor%n",
                    report.tensors(), out, report.maxAbsoluteError(), report.maxRelativeError());
        }
    }

    private void add(List<Path> adapters) throws IOException {
        if (dtype != null || model.isGiven()) {
            throw new ParameterException(
                    spec().commandLine(),
                    "--adapters writes an adapter in f32 without a base model; leave out --model and "
                            + "--dtype");
        }
        List<Double> factors = weights == null ? Collections.nCopies(adapters.size(), 1.0) : weights;
        if (factors.size() != adapters.size()) {
            throw new ParameterException(
                    spec().commandLine(),
                    "--weights must give a factor for each of the " + adapters.size() + " adapters, it gives "
                            + factors.size());
        }
        LoraConfig sum = AdapterSum.write(adapters, factors, out);
        Optional<AdapterCard> card = AdapterCard.load(adapters.getFirst());
        for (Path other : adapters) {
            card = card.equals(AdapterCard.load(other)) ? card : Optional.empty();
        }
        if (card.isPresent()) {
            card.get().save(out);
        }
        out().printf(Locale.ROOT, "added %d adapters into %s; rank %d%n", adapters.size(), out, sum.rank());
    }
}
