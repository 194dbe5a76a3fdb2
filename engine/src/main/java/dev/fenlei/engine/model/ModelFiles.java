package dev.fenlei.engine.model;

import dev.fenlei.engine.safetensors.DurableFiles;
import dev.fenlei.engine.safetensors.Weights;
import dev.fenlei.engine.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/// What a model directory in Hugging Face form holds besides its weights.
public final class ModelFiles {

    private static final String CONFIG = "config.json";

    private static final String GENERATION_CONFIG = "generation_config.json";

    private static final List<String> TOKENIZER = List.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
            "vocab.json",
            "merges.txt",
            "qwen.tiktoken",
            "tokenizer.model",
            "added_tokens.json",
            "special_tokens_map.json");

    private ModelFiles() {}

    /// The type in which the weights of a model are stored: that of its token embedding.
    public static DType weightType(Path model) throws IOException {
        try (Weights weights = Weights.open(model)) {
            return weights.tensor("model.embed_tokens.weight").dtype();
        }
    }

    /// Copies configuration and tokenizer from one model directory to another.
    ///
    /// @param change what to change in the copied `config.json`
    public static void copy(Path from, Path to, Consumer<ObjectNode> change) throws IOException {
        copyTokenizer(from, to);
        copyIfPresent(GENERATION_CONFIG, from, to);
        ObjectNode config = (ObjectNode) JsonMapper.shared().readTree(Files.readAllBytes(from.resolve(CONFIG)));
        change.accept(config);
        DurableFiles.writeJson(to.resolve(CONFIG), config);
    }

    /// Copies the tokenizer from one model directory to another.
    public static void copyTokenizer(Path from, Path to) throws IOException {
        for (String name : TOKENIZER) {
            copyIfPresent(name, from, to);
        }
    }

    private static void copyIfPresent(String name, Path from, Path to) throws IOException {
        Path file = from.resolve(name);
        if (Files.exists(file)) {
            DurableFiles.write(to.resolve(name), Files.readAllBytes(file));
        }
    }

    /// Takes out of a `config.json` that the weights are quantised.
    public static void forgetQuantization(ObjectNode config) {
        QuantizationConfig.forget(config);
    }

    /// Sets the type of the weights in a `config.json`, under the name that it uses.
    public static void setDType(ObjectNode config, DType dtype) {
        String spelled = switch (dtype) {
            case F32 -> "float32";
            case F16 -> "float16";
            case BF16 -> "bfloat16";
            case I8 -> throw new IllegalArgumentException("I8 is no type of a whole model");
        };
        config.put(config.has("dtype") ? "dtype" : "torch_dtype", spelled);
    }
}
