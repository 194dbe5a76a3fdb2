package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Progress;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.QuantizedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// `quantize`: a model with its matrices in 8 bits.
@Command(
        name = "quantize",
        description = "Write a model whose matrices are whole numbers of 8 bits, each row with a scale of its own, in the form "
                + "of compressed-tensors (int-quantized). It takes half the memory of bf16; every command reads it, and train "
                + "adapts it. Embedding, norms and biases stay as they are.")
public final class QuantizeCommand extends FenleiCommand {

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--out", required = true, paramLabel = "DIR",
            description = "The model directory to write: a new or an empty one.")
    private Path out = Path.of("");

    @Override
    protected int run() throws IOException {
        Arguments.requireEmpty(out);
        Path directory = model.directory();
        try (Backend backend = new CpuBackend();
                Progress bar = progress("quantizing", QuantizedModel.bytes(directory) >> 20, "MiB")) {
            long[] done = {0};
            QuantizedModel.Report report = QuantizedModel.write(directory, out, backend, bytes -> {
                bar.advance(((done[0] + bytes) >> 20) - (done[0] >> 20));
                done[0] += bytes;
                interruption().throwIfRequested();
            });
            bar.close();
            out().printf(
                    Locale.ROOT,
                    "quantized %d tensors into %s: %,.1f MB, before %,.1f MB; relative error of the weights %.4f%n",
                    report.tensors(), out, report.bytes() / 1e6, report.bytesBefore() / 1e6,
                    report.relativeError());
        }
        return OK;
    }
}
