package dev.fenlei.lora.run;

import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.lora.data.DataSet;
import dev.fenlei.lora.data.DataStatistics;
import dev.fenlei.lora.data.Example;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.json.JsonMapper;

/// `data.json`: what the data of a run looks like: class balance, lengths, duplicates, and texts of the test that were trained on.
final class DataOverview {

    static final String FILE = "data.json";

    private static final int SHOWN = 20;

    private DataOverview() {}

    /// @return the rows of the test data whose text is in the training data too
    static int write(DataSet data, Path run) throws IOException {
        Map<String, @Nullable Object> json = new LinkedHashMap<>();
        json.put("labels", data.labels());
        json.put("train", part(data.train()));
        json.put("validation", part(data.validation()));
        json.put("test", part(data.test()));
        json.put("train_in_validation", shown(overlap(data.train(), data.validation())));
        List<Long> inTest = overlap(data.train(), data.test());
        json.put("train_in_test", shown(inTest));
        DurableFiles.write(
                run.resolve(FILE), JsonMapper.shared().writeValueAsString(json).getBytes(StandardCharsets.UTF_8));
        return inTest.size();
    }

    private static @Nullable Map<String, Object> part(List<Example> examples) {
        if (examples.isEmpty()) {
            return null;
        }
        DataStatistics statistics = DataStatistics.of(examples);
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("rows", statistics.count());
        json.put("classes", statistics.classCounts());
        json.put("lengths", Map.of(
                "min", statistics.lengths().min(),
                "median", statistics.lengths().median(),
                "p95", statistics.lengths().percentile95(),
                "max", statistics.lengths().max(),
                "mean", statistics.lengths().mean()));
        json.put("duplicates", statistics.duplicates());
        json.put("conflicting", statistics.conflicting());
        return json;
    }

    /// The lines of the rows whose text, white space around it aside, is one of the training texts.
    private static List<Long> overlap(List<Example> train, List<Example> held) {
        Set<String> seen = new HashSet<>();
        train.forEach(example -> seen.add(example.text().strip()));
        return held.stream().filter(example -> seen.contains(example.text().strip())).map(Example::line).toList();
    }

    private static Map<String, Object> shown(List<Long> lines) {
        return Map.of("rows", lines.size(), "lines", lines.subList(0, Math.min(SHOWN, lines.size())));
    }
}
