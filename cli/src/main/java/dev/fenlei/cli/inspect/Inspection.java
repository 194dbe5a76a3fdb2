package dev.fenlei.cli.inspect;

import dev.fenlei.cli.JsonInput;
import dev.fenlei.engine.model.ModelConfig;
import dev.fenlei.engine.model.ModelException;
import dev.fenlei.engine.safetensors.SafetensorsFile;
import dev.fenlei.engine.safetensors.TensorInfo;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.lora.adapter.AdapterException;
import dev.fenlei.lora.adapter.LoraConfig;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Tokenizer;
import dev.fenlei.tokenizer.TokenizerException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/// Reports on what lies on disk. A report is a tree of maps, lists, strings, numbers and JSON values, with the keys in
/// the order of reading. A configuration is shown as it is, also where Fenlei cannot use it: then `usable` says why.
public final class Inspection {

    private static final long MAX_CONFIG_BYTES = 1 << 20;
    private static final String USABLE = "yes";

    private Inspection() {}

    /// Reports on a model directory in Hugging Face form.
    public static Map<String, Object> ofModel(Path directory) throws IOException {
        Map<String, Object> report = start("model", directory);
        report.put("usable", usable(directory));
        report.put("config", fields(directory.resolve("config.json")));
        try (Weights weights = Weights.open(directory)) {
            putTotals(report, weights);
        }
        report.put("files", files(directory));
        report.putAll(tokenizer(directory));
        report.put("bytes_on_disk", bytes(directory));
        return report;
    }

    /// Reports on an adapter directory in PEFT form.
    public static Map<String, Object> ofAdapter(Path directory) throws IOException {
        Map<String, Object> report = start("adapter", directory);
        try {
            LoraConfig config = LoraConfig.load(directory);
            report.put("usable", USABLE);
            report.put("rank", config.rank());
            double divisor = config.rankStabilized() ? Math.sqrt(config.rank()) : config.rank();
            report.put("scaling", config.alpha() / divisor);
        } catch (AdapterException e) {
            report.put("usable", "no: " + e.getMessage());
        }
        report.put("config", fields(directory.resolve("adapter_config.json")));
        try (SafetensorsFile weights = SafetensorsFile.open(directory.resolve("adapter_model.safetensors"))) {
            report.put("modules", modules(weights));
            putTotals(report, weights);
        }
        report.put("bytes_on_disk", bytes(directory));
        return report;
    }

    /// Reports on a safetensors file: its metadata and a row for each tensor.
    public static Map<String, Object> ofFile(Path file) throws IOException {
        Map<String, Object> report = start("safetensors", file);
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            report.put("metadata", weights.metadata());
            List<Map<String, Object>> tensors = new ArrayList<>();
            for (String name : weights.names()) {
                TensorInfo info = weights.info(name);
                Map<String, Object> row = new LinkedHashMap<>();
                row.put("name", name);
                row.put("dtype", info.dtype());
                row.put("shape", info.shape());
                row.put("bytes", info.byteSize());
                tensors.add(row);
            }
            report.put("tensors", tensors);
            putTotals(report, weights);
        }
        report.put("bytes_on_disk", Files.size(file));
        return report;
    }

    /// A report as text for people.
    public static String text(Map<String, Object> report) {
        return ReportText.of(report);
    }

    private static Map<String, Object> start(String kind, Path path) {
        Map<String, Object> report = new LinkedHashMap<>();
        report.put("kind", kind);
        report.put("path", path.toString());
        return report;
    }

    private static String usable(Path model) throws IOException {
        try {
            ModelConfig _ = ModelConfig.load(model);
            return USABLE;
        } catch (ModelException e) {
            return "no: " + e.getMessage();
        }
    }

    private static Map<String, Object> fields(Path file) throws IOException {
        Map<String, Object> fields = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> entry : JsonInput.readObject(file, MAX_CONFIG_BYTES).properties()) {
            JsonNode value = entry.getValue();
            if (!value.isNull() && !(value.isContainer() && value.isEmpty())) {
                fields.put(entry.getKey(), value);
            }
        }
        return fields;
    }

    private static void putTotals(Map<String, Object> report, Weights weights) throws IOException {
        long parameters = 0;
        Map<String, Long> dtypes = new TreeMap<>();
        for (String name : weights.names()) {
            TensorInfo info = weights.info(name);
            parameters += info.size();
            dtypes.merge(info.dtype(), info.size(), Long::sum);
        }
        report.put("tensor_count", weights.names().size());
        report.put("parameters", parameters);
        report.put("parameters_by_dtype", dtypes);
    }

    /// The kinds of modules that an adapter changes, and how many of each.
    private static Map<String, Integer> modules(Weights weights) {
        Map<String, Integer> modules = new TreeMap<>();
        for (String module : new TreeSet<>(weights.names().stream()
                .map(name -> name.replaceFirst("\\.(lora_[A-Za-z_]+\\.)?weight$", ""))
                .toList())) {
            modules.merge(module.substring(module.lastIndexOf('.') + 1), 1, Integer::sum);
        }
        return modules;
    }

    private static Map<String, Object> tokenizer(Path directory) throws IOException {
        Map<String, Object> report = new LinkedHashMap<>();
        try {
            report.put("tokenizer_size", Tokenizer.load(directory).size());
            report.put("chat_template", ChatTemplate.load(directory).name());
        } catch (TokenizerException e) {
            report.put(report.isEmpty() ? "tokenizer" : "chat_template", "no: " + e.getMessage());
        } catch (NoSuchFileException e) {
            report.put(report.isEmpty() ? "tokenizer" : "chat_template", "no: " + e.getFile() + " is missing");
        }
        return report;
    }

    private static List<Map<String, Object>> files(Path directory) throws IOException {
        List<Map<String, Object>> rows = new ArrayList<>();
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList()) {
                Map<String, Object> row = new LinkedHashMap<>();
                row.put("file", file.getFileName().toString());
                row.put("bytes", Files.size(file));
                rows.add(row);
            }
        }
        return rows;
    }

    private static long bytes(Path directory) throws IOException {
        long bytes = 0;
        try (Stream<Path> files = Files.list(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(file);
            }
        }
        return bytes;
    }
}
