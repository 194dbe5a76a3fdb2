package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/// Reads the decoder of a `tokenizer.json` whose model is not of bytes.
final class DecoderReader {

    private static final int MAX_STEPS = 64;

    private final Path file;
    private final List<StepDecoder.Replacement> replacements = new ArrayList<>();
    private boolean byteFallback;
    private boolean fused;
    private char stripped;
    private int maxStripped;
    private char mark;

    private DecoderReader(Path file) {
        this.file = file;
    }

    static StepDecoder.Steps read(Path file, JsonNode node) throws IOException {
        DecoderReader reader = new DecoderReader(file);
        reader.step("decoder", node);
        return new StepDecoder.Steps(
                List.copyOf(reader.replacements),
                reader.byteFallback,
                reader.stripped,
                reader.maxStripped,
                reader.mark);
    }

    private void step(String where, JsonNode node) throws IOException {
        switch (node.path("type").asString("")) {
            case "Sequence" -> {
                JsonNode nodes = node.path("decoders");
                if (!nodes.isArray() || nodes.size() > MAX_STEPS) {
                    throw new TokenizerException(
                            file, where + ".decoders must be an array of at most " + MAX_STEPS + " steps");
                }
                for (int i = 0; i < nodes.size(); i++) {
                    step(where + ".decoders[" + i + "]", nodes.path(i));
                }
            }
            case "Replace" -> {
                requireOrder(where, !byteFallback && !fused);
                String pattern = node.path("pattern").path("String").asString("");
                if (pattern.isEmpty()) {
                    throw Fields.unsupported(file, where + ".pattern", node.path("pattern"), "String");
                }
                replacements.add(new StepDecoder.Replacement(pattern, node.path("content").asString("")));
            }
            case "ByteFallback" -> {
                requireOrder(where, !fused);
                byteFallback = true;
            }
            case "Fuse" -> fused = true;
            case "Strip" -> strip(where, node);
            case "Metaspace" -> metaspace(where, node);
            default -> throw Fields.unsupported(file, where + ".type", node.path("type"),
                    "ByteLevel behind a pre-tokenizer ByteLevel; else Replace, ByteFallback, Fuse, Strip, Metaspace, Sequence");
        }
    }

    private void strip(String where, JsonNode node) throws IOException {
        requireOrder(where, fused && maxStripped == 0);
        Fields.requireAbsent(file, where + ".stop", node.path("stop"));
        String content = node.path("content").asString("");
        if (content.length() != 1 || !node.path("start").canConvertToInt()) {
            throw Fields.unsupported(file, where + ".content", node.path("content"), "one character");
        }
        stripped = content.charAt(0);
        maxStripped = Math.max(0, node.path("start").asInt());
    }

    private void metaspace(String where, JsonNode node) throws IOException {
        requireOrder(where, !byteFallback && !fused && replacements.isEmpty());
        String replacement = node.path("replacement").asString("\u2581");
        if (replacement.length() != 1) {
            throw Fields.unsupported(file, where + ".replacement", node.path("replacement"), "one character");
        }
        boolean never = node.path("prepend_scheme")
                .asString(node.path("add_prefix_space").asBoolean(true) ? "always" : "never")
                .equals("never");
        mark = never ? 0 : replacement.charAt(0);
        replacements.add(new StepDecoder.Replacement(replacement, " "));
    }

    private void requireOrder(String where, boolean inOrder) throws IOException {
        if (!inOrder) {
            throw new TokenizerException(file, where
                    + ": the order of the steps is not supported; it must be Replace, ByteFallback, Fuse, Strip");
        }
    }
}
