package dev.fenlei.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.testing.CudaEmulator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Commands on the emulated GPU.
class CudaCommandsTest {

    @TempDir
    static Path folder;

    private static Path model;

    @BeforeAll
    static void write() throws IOException {
        CudaEmulator.install();
        CudaEmulator.reset();
        model = TinyModel.pretrain(folder, 512);
    }

    @BeforeEach
    void reset() {
        CudaEmulator.reset();
    }

    @AfterEach
    void nothingIsHeld() {
        assertThat(CudaEmulator.held()).isZero();
    }

    @AfterAll
    static void uninstall() {
        CudaEmulator.uninstall();
    }

    @Test
    void doctorShowsTheGpu() {
        var device = CommandRun.of("doctor", "--json").json().at("/cuda/devices/0");
        assertThat(device.at("/name").asString()).isEqualTo("Emulated GPU");
        assertThat(device.at("/memoryBytes").asLong()).isEqualTo(24L << 30);
        assertThat(device.at("/computeCapability").asString()).isEqualTo("8.0");
        assertThat(CommandRun.of("doctor").out())
                .contains("GPU           Emulated GPU, 24576 MiB, compute capability 8.0")
                .contains("CUDA          driver for CUDA 13.0, " + CudaEmulator.library());
    }

    @Test
    void generationIsThatOfTheProcessor() {
        CommandRun gpu = generate("cuda");
        assertThat(gpu.status()).as(gpu.err()).isZero();
        assertThat(gpu.out()).isEqualTo(generate("cpu").out()).isEqualTo(generate("auto").out()).isNotBlank();
    }

    private static CommandRun generate(String device) {
        return CommandRun.of(
                "generate", "--model", model, "--prompt", "天气", "--raw", "--max-new-tokens", 5, "--precision", "f32",
                "--device", device);
    }

    @Test
    void trainingRunsOnTheGpu() throws IOException {
        List<String> rows = IntStream.range(0, 12)
                .mapToObj(i -> "{\"text\": \"天气 " + i + "\", \"label\": \"" + (i % 2 == 0 ? "hello" : "world") + "\"}")
                .toList();
        Path data = Files.write(folder.resolve("data.jsonl"), rows);
        Path out = folder.resolve("run");
        CommandRun run = CommandRun.of(
                "train", "--model", model, "--data", data, "--out", out, "--device", "cuda", "--epochs", 1, "--lora-r",
                2, "--max-length", 300);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(Files.readString(out.resolve("run.json"))).contains("cuda, bf16, Emulated GPU");
        assertThat(out.resolve("adapter/adapter_model.safetensors")).exists();
    }

    @Test
    void withoutAGpuOneIsToldOrTheProcessorComputes() {
        CudaEmulator.set("driver", 11_040);
        CommandRun run = generate("cuda");
        assertThat(run.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(run.err().strip()).isEqualTo(
                "fenlei: --device cuda: the NVIDIA driver is too old: it supports CUDA 11.4, needed is 12.0 or newer");
        assertThat(generate("auto").status()).isZero();
    }

    @Test
    void tooLittleMemoryNamesTheOptions() {
        CudaEmulator.set("memory", 5 << 20);
        CommandRun run = generate("cuda");
        assertThat(run.status()).isEqualTo(FenleiCommand.FAILED);
        assertThat(run.err())
                .startsWith("fenlei: the memory of Emulated GPU does not suffice: ")
                .contains("--batch-size", "--max-length", "--checkpointing")
                .hasLineCount(1);
    }
}
