package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.Progress;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.cli.bench.ClassifyBenchmark;
import dev.fenlei.cli.bench.GemmShapes;
import dev.fenlei.cli.bench.GenerateBenchmark;
import dev.fenlei.cli.bench.KnownShape;
import dev.fenlei.cli.bench.LoadBenchmark;
import dev.fenlei.cli.bench.Measurement;
import dev.fenlei.cli.bench.RandomWeights;
import dev.fenlei.cli.bench.Repetitions;
import dev.fenlei.cli.bench.ServeBenchmark;
import dev.fenlei.cli.bench.TokenizeBenchmark;
import dev.fenlei.cli.bench.TrainBenchmark;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.compute.cpu.GemmBenchmark;
import dev.fenlei.engine.compute.cpu.WorkerPool;
import dev.fenlei.engine.model.Quantization;
import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.data.DataOptions;
import dev.fenlei.lora.data.DataReader;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/// `bench`: how fast this machine is, in figures that can be compared with other systems on the same work.
@Command(
        name = "bench",
        description = {
            "Measure speed. Figures are medians; the spread stands beside them.",
            "  gemm        matrix products, as a share of the multiply-add peak (--shape)",
            "  train       LoRA training on the ids of --data (--steps, --batch-size, --lora-r)",
            "  classify    label scoring on the ids of --data",
            "  generate    reading a prompt and continuing it, beside the speed of reading memory (--prompt-tokens, --new-tokens)",
            "  tokenize    the lines of the text file --data",
            "  load        opening a model and its tokenizer",
            "  serve       a running service (--url, --clients, --seconds) on the texts of the JSON lines --data",
            "  make-model  measures nothing: writes a model of a published shape with random weights (--shape, --out)"
        })
public final class BenchCommand extends FenleiCommand {

    /// What can be measured.
    enum Kind {
        GEMM,
        TRAIN,
        CLASSIFY,
        GENERATE,
        TOKENIZE,
        LOAD,
        SERVE,
        MAKE_MODEL;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    @Parameters(paramLabel = "WHAT", description = "${COMPLETION-CANDIDATES}")
    private Kind kind = Kind.GEMM;

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--data", paramLabel = "FILE",
            description = "train: lines of {\"prompt_ids\": [...], \"label_ids\": [...]}; "
                    + "classify: {\"prefix_len\": N, \"prompts\": [[...]], \"labels\": [[...]]}; tokenize: text.")
    private @Nullable Path data;

    @Option(names = "--json", description = "Print one JSON object per measurement.")
    private boolean json;

    @Option(names = "--warm-up",
            description = "Runs (train: steps) that do not count, while the JVM compiles (default: ${DEFAULT-VALUE}).")
    private int warmUp = 2;

    @Option(names = "--repetitions", description = "Runs that count (default: ${DEFAULT-VALUE}).")
    private int repetitions = 5;

    @Option(names = "--threads", description = "Threads that compute (default: the number of processors).")
    private @Nullable Integer threads;

    @Option(names = "--device", description = "train, classify: auto, cpu or cuda (default: cpu).")
    private ModelOptions.Device device = ModelOptions.Device.CPU;

    @Option(names = "--shape", paramLabel = "SHAPE",
            description = "gemm: the product to measure, MxNxK or MxNxK:bf16 for the type of the weights; repeatable "
                    + "(default: those of training). make-model: whose shape, such as qwen1.5-7b.")
    private List<String> shapes = List.of();

    @Option(names = "--out", paramLabel = "DIR",
            description = "make-model: the model directory to write. The tokenizer is that of --model.")
    private @Nullable Path output;

    @Option(names = "--seed", description = "make-model: seed of the weights (default: ${DEFAULT-VALUE}).")
    private long seed = 42;

    @Option(names = "--steps", description = "train: optimizer steps that count (default: ${DEFAULT-VALUE}).")
    private int steps = 10;

    @Option(names = "--batch-size", description = "train: examples in a pass (default: ${DEFAULT-VALUE}).")
    private int batchSize = 4;

    @Option(names = "--grad-accum", description = "train: passes in a step (default: ${DEFAULT-VALUE}).")
    private int accumulation = 4;

    @Option(names = "--lora-r", description = "train: rank of the adapter (default: ${DEFAULT-VALUE}).")
    private int rank = 8;

    @Option(names = "--lora-dropout", description = "train: dropout of the adapter (default: ${DEFAULT-VALUE}).")
    private double dropout = 0.1;

    @Option(names = "--prompt-tokens", description = "generate: tokens of the prompt (default: ${DEFAULT-VALUE}).")
    private int promptTokens = 384;

    @Option(names = "--new-tokens", description = "generate: tokens to continue it with (default: ${DEFAULT-VALUE}).")
    private int newTokens = 32;

    @Option(names = "--precision",
            description = "gemm, train, classify, generate: f32 or bf16, what products are computed in (default: gemm f32; else as in "
                    + "training, bf16 where weights and processor have it).")
    private @Nullable Precision precision;

    @Option(names = "--quantization",
            description = "train, classify, generate: none or int8, whether the model's matrices are held in 8 bits "
                    + "(default: none).")
    private Quantization quantization = Quantization.NONE;

    @Option(names = "--save", paramLabel = "FILE",
            description = "train, classify: write the losses or scores, to check that the work was done right.")
    private @Nullable Path save;

    @Option(names = "--url", paramLabel = "URL",
            description = "serve: the address of the service (default: ${DEFAULT-VALUE}).")
    private URI url = URI.create("http://127.0.0.1:8000");

    @Option(names = "--api-key", paramLabel = "KEY", description = "serve: the key that the service asks for.")
    private @Nullable String apiKey;

    @Option(names = "--clients",
            description = "serve: how many send, each its next text when the last was answered (default: ${DEFAULT-VALUE}).")
    private int clients = 64;

    @Option(names = "--seconds", description = "serve: how long they send (default: ${DEFAULT-VALUE}).")
    private int seconds = 30;

    @Option(names = "--candidates", paramLabel = "LIST",
            description = "serve: the candidates, parted by commas (default: ${DEFAULT-VALUE}).")
    private String candidates = "财经,科技,体育";

    @Override
    protected int run() throws IOException, InterruptedException {
        boolean needsData = kind == Kind.TRAIN || kind == Kind.CLASSIFY || kind == Kind.TOKENIZE
                || kind == Kind.SERVE;
        if (needsData && data == null) {
            throw badUsage("bench " + kind + " needs --data FILE");
        }
        if (save != null && kind != Kind.TRAIN && kind != Kind.CLASSIFY) {
            throw badUsage("--save belongs to train and classify");
        }
        switch (kind) {
            case GEMM -> gemm();
            case TRAIN -> train();
            case CLASSIFY -> classify();
            case GENERATE -> generate();
            case TOKENIZE -> print(List.of(TokenizeBenchmark.run(model.directory(), data(), repetitions())));
            case LOAD -> print(LoadBenchmark.run(model.directory(), repetitions()));
            case SERVE -> serve();
            case MAKE_MODEL -> makeModel();
        }
        return OK;
    }

    private void serve() throws IOException, InterruptedException {
        List<String> texts = new ArrayList<>();
        try (DataReader reader = DataReader.open(data(), DataOptions.unlabelled())) {
            while (reader.hasNext()) {
                texts.add(reader.next().orThrow().text());
            }
        }
        print(Arguments.checked(() -> new ServeBenchmark(url, apiKey, clients, seconds, texts, candidates))
                .run(interruption()));
    }

    private void gemm() {
        List<GemmBenchmark.Case> cases = shapes.isEmpty()
                ? GemmBenchmark.standardCases()
                : shapes.stream().map(GemmShapes::parse).toList();
        print(GemmShapes.run(
                cases, threads(), precision == Precision.BF16 ? ModelOptions.bf16() : Precision.F32,
                repetitions().timed()));
    }

    private void train() throws IOException {
        TrainBenchmark benchmark = Arguments.checked(() -> new TrainBenchmark(
                steps, warmUp, batchSize, accumulation, rank, dropout));
        try (Backend backend = deviceBackend()) {
            TrainBenchmark.Result result = benchmark.run(
                    model.directory(), data(), backend, threads(), quantization, interruption());
            print(result.measurements());
            save("losses", result.losses());
        }
    }

    private void classify() throws IOException {
        try (Backend backend = deviceBackend()) {
            ClassifyBenchmark.Result result = ClassifyBenchmark.run(
                    model.directory(), data(), backend, threads(), quantization, repetitions());
            print(result.measurements());
            save("scores", result.scores());
        }
    }

    private void generate() throws IOException {
        GenerateBenchmark benchmark = Arguments.checked(() -> new GenerateBenchmark(promptTokens, newTokens));
        try (CpuBackend backend = backend()) {
            print(benchmark.run(model.directory(), backend, quantization, repetitions()));
        }
    }

    private void makeModel() throws IOException {
        Path directory = output;
        if (directory == null || shapes.size() != 1) {
            throw badUsage("bench make-model needs --shape NAME and --out DIR");
        }
        KnownShape known = Arguments.checked(() -> KnownShape.of(shapes.getFirst()));
        if (Files.exists(directory.resolve("config.json"))) {
            throw new UserErrorException(directory + ": holds a model already; name another directory with --out");
        }
        int endToken = Tokenizer.load(model.directory()).endOfText().orElse(0);
        long bytes = RandomWeights.bytes(known.shape());
        Files.createDirectories(directory);
        long free = Files.getFileStore(directory).getUsableSpace();
        if (free < bytes) {
            throw new UserErrorException(String.format(
                    Locale.ROOT, "%s: the model takes %.1f GB, the disk has %.1f GB left", directory, bytes / 1e9,
                    free / 1e9));
        }
        try (WorkerPool pool = new WorkerPool(threads());
                Progress bar = progress("writing", bytes >> 20, "MiB")) {
            long[] made = {0};
            new RandomWeights(pool, seed, RandomWeights.SHARD_BYTES).write(
                    known.shape(), model.directory(), endToken, directory, count -> {
                        bar.advance(((made[0] + count) >> 20) - (made[0] >> 20));
                        made[0] += count;
                        interruption().throwIfRequested();
                    });
        }
        say(String.format(
                Locale.ROOT, "%s with random weights, %.2f GB, written to %s", known, bytes / 1e9, directory));
    }

    /// What computes where the GPU can be measured too.
    private Backend deviceBackend() throws IOException {
        return ModelOptions.backend(device, model.directory(), threads(), precision);
    }

    private CpuBackend backend() throws IOException {
        return ModelOptions.backend(model.directory(), threads(), precision);
    }

    private Repetitions repetitions() {
        return Arguments.checked(() -> new Repetitions(warmUp, repetitions, interruption()));
    }

    private int threads() {
        int count = threads == null ? CpuBackend.defaultThreads() : threads;
        if (count < 1 || count > 1024) {
            throw badUsage("--threads must lie between 1 and 1024");
        }
        return count;
    }

    private Path data() {
        return Objects.requireNonNull(data, "checked in run");
    }

    private ParameterException badUsage(String message) {
        return new ParameterException(spec().commandLine(), message);
    }

    private void print(List<Measurement> measurements) {
        JsonMapper mapper = JsonMapper.builder()
                .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
                .build();
        for (Measurement measurement : measurements) {
            out().println(json ? mapper.writeValueAsString(measurement) : measurement.text());
        }
        out().flush();
    }

    private void save(String field, List<?> values) throws IOException {
        if (save != null) {
            DurableFiles.write(save, JsonMapper.shared().writeValueAsBytes(Map.of(field, values)));
            say(field + " written to " + save);
        }
    }
}
