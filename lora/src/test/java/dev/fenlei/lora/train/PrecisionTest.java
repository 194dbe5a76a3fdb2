package dev.fenlei.lora.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.Precision;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.lora.classify.ClassificationPrompt;
import dev.fenlei.lora.classify.Classifier;
import dev.fenlei.lora.classify.Decision;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/// Training and scoring with products in bfloat16, against single precision, on the bundled model.
class PrecisionTest {

    private static final Path ROOT = Path.of(System.getProperty("fenlei.root", ".."));
    private static final Path MODEL = ROOT.resolve("models/tiny");

    @BeforeAll
    static void needsInstructions() {
        Assumptions.assumeTrue(CpuBackend.bf16Rung().isPresent(), "not this processor: " + CpuBackend.noBf16Reason());
    }

    @Test
    void lossesOfFiftyStepsDifferByLessThanOnePercent() throws IOException {
        List<Double> single = losses(2, Precision.F32);
        List<Double> half = losses(2, Precision.BF16);
        assertThat(single).hasSize(50);
        for (int step = 0; step < 50; step++) {
            assertThat(half.get(step)).as("step " + step).isCloseTo(single.get(step), Percentage.withPercentage(1));
        }
        assertThat(half).isNotEqualTo(single);
        assertThat(losses(1, Precision.BF16)).as("on one thread").isEqualTo(half);
    }

    private static List<Double> losses(int threads, Precision precision) throws IOException {
        try (Backend backend = new CpuBackend(threads, precision);
                Decoder decoder = Decoder.load(MODEL, backend)) {
            Adapter adapter = Adapter.create(decoder, LoraConfig.of(8, 32, 0.1, List.of("all-linear")), 7);
            List<TrainingExample> examples = new ArrayList<>();
            Tokenizer tokenizer = Tokenizer.load(MODEL);
            for (String text : texts(100)) {
                int[] ids = tokenizer.encode(text);
                examples.add(new TrainingExample(ids, ids.length / 2));
            }
            List<Double> losses = new ArrayList<>();
            new Trainer(decoder, adapter.parameters(), TrainingSettings.of(2, 2, 2, 1e-3, 42)).train(examples, step -> {
                losses.add(step.loss());
                return true;
            });
            return losses;
        }
    }

    @Test
    void labelsAreTheSame() throws IOException {
        List<Decision> single = decisions(Precision.F32);
        List<Decision> half = decisions(Precision.BF16);
        int same = 0;
        for (int i = 0; i < single.size(); i++) {
            same += Objects.equals(single.get(i).label(), half.get(i).label()) ? 1 : 0;
        }
        assertThat(same).isGreaterThanOrEqualTo(single.size() * 98 / 100);
    }

    private static List<Decision> decisions(Precision precision) throws IOException {
        try (Backend backend = new CpuBackend(2, precision);
                Decoder decoder = Decoder.load(MODEL, backend)) {
            Tokenizer tokenizer = Tokenizer.load(MODEL);
            ClassificationPrompt prompt = new ClassificationPrompt(
                    tokenizer, ChatTemplate.detect(MODEL, tokenizer), Classifier.DEFAULT_MAX_LENGTH);
            try (Classifier classifier = new Classifier(decoder, tokenizer, prompt)) {
                List<String> candidates = List.of("Sports", "Economy", "Politics", "Medical");
                return classifier.classify(texts(100).stream()
                        .map(text -> new Classifier.Request(text, candidates))
                        .toList());
            }
        }
    }

    private static List<String> texts(int count) throws IOException {
        try (var lines = Files.lines(ROOT.resolve("data/sample/train.jsonl"))) {
            return lines.limit(count)
                    .map(line -> JsonMapper.shared().readTree(line).get("text").asString())
                    .toList();
        }
    }
}
