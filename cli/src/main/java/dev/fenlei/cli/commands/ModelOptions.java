package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.engine.model.Quantization;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Which model, and what computes it: options that all commands over a model share.
final class ModelOptions {

    enum Device {
        AUTO, CPU, CUDA
    }

    enum PrecisionChoice {
        AUTO, F32, BF16
    }

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--device", description = "auto, cpu or cuda (default: auto).")
    Device device = Device.AUTO;

    @Option(names = "--precision",
            description = "auto, f32 or bf16: what matrix products are computed in. auto is bf16 for models stored in it, on "
                    + "processors that have instructions for it (default: auto).")
    PrecisionChoice precision = PrecisionChoice.AUTO;

    @Option(names = "--quantization",
            description = "none or int8: holds the matrices of the model in 8 bits, a scale for each row, which takes half the "
                    + "memory of bf16 and costs a little accuracy; a model that quantize wrote needs no option (default: none).")
    Quantization quantization = Quantization.NONE;

    @Option(names = "--threads", description = "Threads that compute (default: one per processor).")
    int threads = Runtime.getRuntime().availableProcessors();

    Path model() {
        return model.directory();
    }

    /// Opens a model.
    Decoder decoder(Path directory, Backend backend) throws IOException {
        return Decoder.load(directory, backend, quantization);
    }

    /// The model to use with an adapter; see [ModelOption#directory(Path)].
    Path model(@Nullable Path adapter) throws IOException {
        return model.directory(adapter);
    }

    /// What computes the model in a directory.
    Backend backend(Path directory) throws IOException {
        if (device == Device.CUDA) {
            throw new UserErrorException("--device cuda: this version computes on the CPU only; leave the option out");
        }
        if (threads < 1 || threads > 1024) {
            throw new UserErrorException("--threads must lie between 1 and 1024, it is " + threads);
        }
        return backend(directory, threads, switch (precision) {
            case AUTO -> null;
            case F32 -> Precision.F32;
            case BF16 -> Precision.BF16;
        });
    }

    /// The CPU.
    ///
    /// @param precision null for the one that suits the model
    static CpuBackend backend(Path directory, int threads, @Nullable Precision precision) throws IOException {
        if (precision == null) {
            return new CpuBackend(threads, CpuBackend.precisionFor(ModelFiles.weightType(directory)));
        }
        return new CpuBackend(threads, precision == Precision.BF16 ? bf16() : precision);
    }

    /// [Precision#BF16], if there are instructions for it.
    ///
    /// @throws UserErrorException if there are none
    static Precision bf16() {
        String reason = CpuBackend.noBf16Reason();
        if (!reason.isEmpty()) {
            throw new UserErrorException("--precision bf16: " + reason + "; leave the option out");
        }
        return Precision.BF16;
    }

    /// The value of `--max-length`, if the model can take it.
    ///
    /// @throws UserErrorException if it cannot
    static int checkedMaxLength(int maxLength, Decoder decoder) {
        if (maxLength < 16 || maxLength > decoder.config().maxPositions()) {
            throw new UserErrorException("--max-length must lie between 16 and the model's "
                    + decoder.config().maxPositions() + " positions, it is " + maxLength);
        }
        return maxLength;
    }
}
