package dev.fenlei.lora.golden;

import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.compute.cpu.CpuBackend;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.lora.classify.LabelScorer;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Log-probabilities of labels against transformers, one prompt at a time, all together, and with a common prefix.
class GoldenScoringTest {

    static Stream<String> models() throws IOException {
        return Golden.folders("scoring").stream();
    }

    @ParameterizedTest
    @MethodSource("models")
    void labelScoresAreThoseOfTheReference(String model) throws IOException {
        try (Golden golden = Golden.open("scoring/" + model);
                Backend backend = new CpuBackend(2);
                Decoder decoder = Decoder.load(Golden.root().resolve("models").resolve(model), backend)) {
            check(golden, decoder, "base");
            Adapter.load(decoder, Golden.root().resolve("lora").resolve(model + "-base/adapter_final"));
            check(golden, decoder, "adapter");
        }
    }

    private static void check(Golden golden, Decoder decoder, String which) throws IOException {
        List<int[]> labels = new ArrayList<>();
        for (int l = 0; golden.has("label.l" + l); l++) {
            labels.add(golden.ids("label.l" + l));
        }
        List<int[]> prompts = new ArrayList<>();
        for (int p = 0; golden.has("prompt.p" + p); p++) {
            prompts.add(golden.ids("prompt.p" + p));
        }
        int end = golden.ids("end_token")[0];
        try (LabelScorer scorer = new LabelScorer(decoder, new int[0], end)) {
            List<double[]> scores = scorer.score(
                    prompts.stream().map(p -> new LabelScorer.Query(p, labels)).toList());
            for (int p = 0; p < prompts.size(); p++) {
                checkScores(golden, which, p, scores.get(p));
            }
        }
        for (int p = 0; p < prompts.size(); p++) {
            int[] prompt = prompts.get(p);
            if (prompt.length < 2) {
                continue;
            }
            int cut = prompt.length / 2;
            try (LabelScorer scorer = new LabelScorer(decoder, Arrays.copyOf(prompt, cut), end)) {
                int[] rest = Arrays.copyOfRange(prompt, cut, prompt.length);
                checkScores(golden, which, p, scorer.score(List.of(new LabelScorer.Query(rest, labels))).getFirst());
            }
        }
    }

    private static void checkScores(Golden golden, String which, int prompt, double[] scores) throws IOException {
        double greatest = Arrays.stream(scores).max().orElseThrow();
        double sum = Arrays.stream(scores).map(s -> Math.exp(s - greatest)).sum();
        float[] probabilities = new float[scores.length];
        float[] values = new float[scores.length];
        for (int i = 0; i < scores.length; i++) {
            probabilities[i] = (float) (Math.exp(scores[i] - greatest) / sum);
            values[i] = (float) scores[i];
        }
        golden.check("score." + which + ".p" + prompt, values);
        golden.check("probability." + which + ".p" + prompt, probabilities);
        golden.check("log_total." + which + ".p" + prompt, (float) (greatest + Math.log(sum)));
    }
}
