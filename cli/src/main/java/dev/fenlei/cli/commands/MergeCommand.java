package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.tensor.DType;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.Merger;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `merge`: base model plus adapter as a model of its own.
@Command(name = "merge", description = "Add an adapter to its base model and write a model that needs no adapter.")
public final class MergeCommand extends FenleiCommand {

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--adapter", required = true, paramLabel = "DIR", description = "LoRA adapter in PEFT form.")
    private Path adapter = Path.of("");

    @Option(names = "--out", required = true, paramLabel = "DIR",
            description = "The model directory to write: a new or an empty one.")
    private Path out = Path.of("");

    @Option(names = "--dtype", paramLabel = "TYPE",
            description = "Type of the weights: f32, f16 or bf16 (default: that of each weight of the base model).")
    private @Nullable DType dtype;

    @Override
    protected int run() throws IOException {
        Path base = model.directory(adapter);
        requireEmpty(out);
        try (Backend backend = new CpuBackend();
                Decoder decoder = Decoder.load(base, backend)) {
            Merger.Report report = Merger.merge(decoder, Adapter.load(decoder, adapter), base, out, dtype);
            out().printf(
                    Locale.ROOT,
                    "merged %d modules into %s; greatest rounding error %.2g of the greatest weight of a matrix%n",
                    report.modules(), out, report.maxRoundingError());
        }
        return OK;
    }

    /// Shards of another model that stayed there would be read instead of the merged one.
    private static void requireEmpty(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.list(folder)) {
            if (files.findAny().isPresent()) {
                throw new UserErrorException(folder + ": the folder is not empty; name a new one with --out");
            }
        }
    }
}
