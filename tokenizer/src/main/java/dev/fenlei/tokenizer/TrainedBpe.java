package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;

/// A trained vocabulary, ready to be written in Hugging Face's form.
public final class TrainedBpe {

    private static final String FLAGS = "\"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
            + "\"normalized\": false, \"special\": true";
    private static final String BYTE_LEVEL = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": false, \"use_regex\": false}";

    private final List<String> tokens;
    private final List<Merge> merges;

    TrainedBpe(List<String> tokens, List<Merge> merges) {
        this.tokens = List.copyOf(tokens);
        this.merges = List.copyOf(merges);
    }

    /// The number of ids, the three control tokens included.
    public int size() {
        return tokens.size() + BpeTrainer.CONTROL_TOKENS.size();
    }

    /// Writes `tokenizer.json` and `tokenizer_config.json` (a Qwen2Tokenizer with Qwen 1.5's chat template) into the
    /// directory, which is created if need be. [Tokenizer#load] and Hugging Face read them.
    public void write(Path directory) throws IOException {
        Files.createDirectories(directory);
        writeFile(directory.resolve("tokenizer.json"), tokenizerJson());
        writeFile(directory.resolve("tokenizer_config.json"), configJson());
    }

    private String tokenizerJson() {
        StringBuilder json = new StringBuilder("""
                {
                  "version": "1.0",
                  "truncation": null,
                  "padding": null,
                  "added_tokens": [
                """);
        for (int i = 0; i < BpeTrainer.CONTROL_TOKENS.size(); i++) {
            json.append(i == 0 ? "" : ",\n").append("    {\"id\": ").append(tokens.size() + i).append(", \"content\": ")
                    .append(JsonFiles.quote(BpeTrainer.CONTROL_TOKENS.get(i)))
                    .append(", ").append(FLAGS).append('}');
        }
        json.append("""

                  ],
                  "normalizer": {"type": "NFC"},
                  "pre_tokenizer": {
                    "type": "Sequence",
                    "pretokenizers": [
                      {"type": "Split", "pattern": {"Regex": %1$s}, "behavior": "Isolated", "invert": false},
                      %2$s
                    ]
                  },
                  "post_processor": %2$s,
                  "decoder": %2$s,
                  "model": {
                    "type": "BPE",
                    "dropout": null,
                    "unk_token": null,
                    "continuing_subword_prefix": "",
                    "end_of_word_suffix": "",
                    "fuse_unk": false,
                    "byte_fallback": false,
                    "vocab": {
                """.formatted(JsonFiles.quote(TokenizerReader.QWEN_PATTERN), BYTE_LEVEL));
        for (int i = 0; i < tokens.size(); i++) {
            json.append(i == 0 ? "" : ",\n").append("      ");
            json.append(JsonFiles.quote(tokens.get(i))).append(": ").append(i);
        }
        json.append("\n    },\n    \"merges\": [\n");
        for (int i = 0; i < merges.size(); i++) {
            Merge merge = merges.get(i);
            json.append(i == 0 ? "" : ",\n").append("      ");
            json.append(JsonFiles.quote(merge.left() + " " + merge.right()));
        }
        return json.append("\n    ]\n  }\n}\n").toString();
    }

    private String configJson() {
        StringBuilder json = new StringBuilder("{\n  \"add_prefix_space\": false,\n  \"added_tokens_decoder\": {\n");
        for (int i = 0; i < BpeTrainer.CONTROL_TOKENS.size(); i++) {
            json.append(i == 0 ? "" : ",\n").append("    \"").append(tokens.size() + i).append("\": {\"content\": ")
                    .append(JsonFiles.quote(BpeTrainer.CONTROL_TOKENS.get(i)))
                    .append(", ").append(FLAGS).append('}');
        }
        return json.append("""

                  },
                  "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
                  "bos_token": null,
                  "chat_template": %s,
                  "clean_up_tokenization_spaces": false,
                  "eos_token": "<|im_end|>",
                  "errors": "replace",
                  "model_max_length": 32768,
                  "pad_token": "<|endoftext|>",
                  "split_special_tokens": false,
                  "tokenizer_class": "Qwen2Tokenizer",
                  "unk_token": null
                }
                """.formatted(JsonFiles.quote(ChatTemplate.QWEN1_5_JINJA))).toString();
    }

    /// So that a reader sees the old file or the new one, and never half of one, even after a power failure.
    private static void writeFile(Path file, String text) throws IOException {
        Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
        try (FileChannel channel = FileChannel.open(
                temporary, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
