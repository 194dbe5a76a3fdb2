package dev.fenlei.lora.run;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.data.CandidatePolicy;
import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.data.Example;
import dev.fenlei.lora.pretrain.RandomModel;
import dev.fenlei.lora.train.Schedule;
import dev.fenlei.lora.train.TrainingSettings;
import dev.fenlei.tokenizer.BpeTrainer;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/// A run of seconds with all that a large one has: dropout, accumulation, warm-up, validation.
final class TinyRun {

    static final List<String> LABELS = List.of("体育", "财经");
    static final RunPlan PLAN = new RunPlan(3, 2, RunPlan.DEFAULT.saveInterval(), 1, ValidationMetric.NLL, 0);
    static final TrainingSettings SETTINGS = new TrainingSettings(
            3, 2, 2, 2e-2, Schedule.COSINE, 2, 0.01, 0.9, 0.999, 1e-8, 1, 11, true, false, 0, null);
    static final int STEPS = 24;

    private static final int VOCABULARY = 520;

    private final Path model;

    RunPlan plan = PLAN;
    TrainingSettings settings = SETTINGS;
    UnaryOperator<Checkpoints> checkpoints = UnaryOperator.identity();

    private TinyRun(Path model) {
        this.model = model;
    }

    /// Makes the model in an empty folder, or uses the one that is there.
    static TinyRun in(Path folder) throws IOException {
        Path model = Files.createDirectories(folder.resolve("model"));
        if (!Files.exists(model.resolve("tokenizer.json"))) {
            RandomModel.write(model, VOCABULARY, 512);
            String text = ClassificationPrompt.SYSTEM + "文本：类别选项：体育财经球队赢了股票涨了".repeat(4) + "。";
            BpeTrainer.train(List.of(text, text).iterator(), VOCABULARY).write(model);
        }
        return new TinyRun(model);
    }

    static DataSet data() {
        List<Example> train = new ArrayList<>();
        for (int i = 0; i < 32; i++) {
            train.add(new Example(i % 5 == 0 ? "id" + i : null, text(i), LABELS, LABELS.get(i % 2), i + 1));
        }
        List<Example> validation = train.stream()
                .limit(8)
                .map(example -> Example.of("又" + example.text(), LABELS, example.label()))
                .toList();
        return new DataSet(Path.of("tiny"), train, validation, List.of(), LABELS);
    }

    private static String text(int i) {
        return (i % 2 == 0 ? "球队赢了" : "股票涨了").repeat(1 + i % 3) + i;
    }

    /// Begins the run in a folder or goes on with it.
    FineTuning.Result go(Path folder, FineTuning.Observer observer) throws IOException {
        return go(folder, data(), observer);
    }

    FineTuning.Result go(Path folder, DataSet data, FineTuning.Observer observer) throws IOException {
        try (Backend backend = new CpuBackend(1);
                Decoder decoder = Decoder.load(model, backend);
                RunFolder run = folder(folder)) {
            Tokenizer tokenizer = Tokenizer.load(model);
            ClassificationTask task = new ClassificationTask(
                    data, CandidatePolicy.ofRows(LABELS), tokenizer, new ClassificationPrompt(tokenizer, 384));
            Adapter adapter = Adapter.create(decoder, LoraConfig.of(4, 16, 0.1, List.of("all-linear")), 7);
            return new FineTuning(
                    task, decoder, adapter, settings, plan, run, observer, checkpoints.apply(run.checkpoints())).run();
        }
    }

    private RunFolder folder(Path folder) throws IOException {
        if (Files.exists(folder.resolve("run.json"))) {
            return RunFolder.open(folder);
        }
        RunFolder run = RunFolder.create(folder);
        run.writeRun(Map.of(), List.of(), model, model.resolve("config.json"));
        return run;
    }

    /// The bytes of the adapter that a run ended in.
    static byte[] adapter(Path folder) throws IOException {
        return Files.readAllBytes(folder.resolve("adapter/adapter_model.safetensors"));
    }
}
