package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.compute.cuda.CudaBackend;
import dev.fenlei.engine.compute.cuda.CudaUnavailableException;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelFiles;
import dev.fenlei.engine.model.Quantization;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/// Which model, and what computes it: options that all commands over a model share.
final class ModelOptions {

    private static final Logger LOG = LoggerFactory.getLogger(ModelOptions.class);

    enum Device {
        AUTO, CPU, CUDA
    }

    enum PrecisionChoice {
        AUTO, F32, BF16
    }

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--device",
            description = "auto, cpu or cuda: what computes. auto is an NVIDIA GPU where there is one, as doctor says, else the "
                    + "processor (default: auto).")
    Device device = Device.AUTO;

    @Option(names = "--precision",
            description = "auto, f32 or bf16: what matrix products are computed in. auto is bf16 for models stored in it, on "
                    + "GPUs and on processors that have instructions for it (default: auto).")
    PrecisionChoice precision = PrecisionChoice.AUTO;

    @Option(names = "--quantization",
            description = "none or int8: holds the matrices of the model in 8 bits, a scale for each row, which takes half the "
                    + "memory of bf16 and costs a little accuracy; a model that quantize wrote needs no option (default: none).")
    Quantization quantization = Quantization.NONE;

    @Option(names = "--threads", description = "Threads that compute on the processor (default: one per processor).")
    int threads = Runtime.getRuntime().availableProcessors();

    /// Divides the threads among jobs that will each have a backend.
    void shareThreads(int jobs) {
        threads = Math.max(1, threads / jobs);
    }

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
        if (threads < 1 || threads > 1024) {
            throw new UserErrorException("--threads must lie between 1 and 1024, it is " + threads);
        }
        return backend(device, directory, threads, switch (precision) {
            case AUTO -> null;
            case F32 -> Precision.F32;
            case BF16 -> Precision.BF16;
        });
    }

    /// What computes the model in a directory.
    ///
    /// @param precision null for the one that suits the model
    static Backend backend(Device device, Path directory, int threads, @Nullable Precision precision)
            throws IOException {
        if (device != Device.CPU) {
            try {
                return CudaBackend.open(
                        precision == null ? CudaBackend.precisionFor(ModelFiles.weightType(directory)) : precision);
            } catch (CudaUnavailableException e) {
                onlyCpu(device, e);
            }
        }
        return backend(directory, threads, precision);
    }

    /// What to say where the GPU cannot be used: all to those who ask for it, something to those who may expect it.
    private static void onlyCpu(Device device, CudaUnavailableException e) {
        if (device == Device.CUDA) {
            throw new UserErrorException("--device cuda: " + e.reason());
        }
        if (e.isDriverThere()) {
            LOG.warn("computing on the processor, not on a GPU: {}", e.reason());
        } else {
            LOG.info("computing on the processor: {}", e.reason());
        }
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
