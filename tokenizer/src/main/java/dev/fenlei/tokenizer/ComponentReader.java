package dev.fenlei.tokenizer;

import dev.fenlei.tokenizer.PreTokenizer.Behavior;
import java.io.IOException;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/// Reads the normalizer and the pre-tokenizer of a `tokenizer.json`. Types that this module does not know are refused by
/// name: a tokenizer that is almost right is worse than none.
final class ComponentReader {

    private static final int MAX_STEPS = 64;

    private final Path file;

    /// Whether the pre-tokenizer turns bytes into the letters of [ByteAlphabet].
    private boolean byteLevel;

    ComponentReader(Path file) {
        this.file = file;
    }

    boolean byteLevel() {
        return byteLevel;
    }

    TextNormalizer normalizer(String where, JsonNode node) throws IOException {
        if (Fields.isNothing(node)) {
            return TextNormalizer.NONE;
        }
        String type = node.path("type").asString("");
        return switch (type) {
            case "NFC", "NFD", "NFKC", "NFKD" -> {
                Normalizer.Form form = Normalizer.Form.valueOf(type);
                yield (text, place) -> TextForm.normalize(text, form);
            }
            case "Prepend" -> TextNormalizer.prepend(node.path("prepend").asString(""));
            case "Replace" -> TextNormalizer.replace(
                    pattern(where + ".pattern", node.path("pattern")), node.path("content").asString(""));
            case "Sequence" -> {
                List<TextNormalizer> steps = new ArrayList<>();
                JsonNode nodes = checkSteps(where + ".normalizers", node.path("normalizers"));
                for (int i = 0; i < nodes.size(); i++) {
                    steps.add(normalizer(where + ".normalizers[" + i + "]", nodes.path(i)));
                }
                yield TextNormalizer.sequence(steps);
            }
            default -> throw Fields.unsupported(file, where + ".type", node.path("type"),
                    "NFC, NFD, NFKC, NFKD, Prepend, Replace and Sequence");
        };
    }

    PreTokenizer preTokenizer(String where, JsonNode node) throws IOException {
        if (Fields.isNothing(node)) {
            return PreTokenizer.NONE;
        }
        if (byteLevel) {
            throw new TokenizerException(file, where + ": a step behind ByteLevel is not supported");
        }
        return switch (node.path("type").asString("")) {
            case "Split" -> PreTokenizer.split(
                    pattern(where + ".pattern", node.path("pattern")),
                    behavior(where + ".behavior", node.path("behavior")),
                    node.path("invert").asBoolean(false));
            case "Digits" -> {
                String digits = node.path("individual_digits").asBoolean(false) ? "\\p{N}" : "\\p{N}+";
                yield PreTokenizer.split(Pattern.compile(digits), Behavior.Isolated, false);
            }
            case "ByteLevel" -> {
                byteLevel = true;
                List<PreTokenizer> steps = new ArrayList<>();
                if (node.path("add_prefix_space").asBoolean(true)) {
                    steps.add(PreTokenizer.prefixSpace());
                }
                if (node.path("use_regex").asBoolean(true)) {
                    Pattern pattern = Oniguruma.compile(PreTokenizer.GPT2_PATTERN);
                    steps.add(PreTokenizer.split(pattern, Behavior.Isolated, false));
                }
                yield PreTokenizer.sequence(steps);
            }
            case "Metaspace" -> metaspace(where, node);
            case "Sequence" -> {
                List<PreTokenizer> steps = new ArrayList<>();
                JsonNode nodes = checkSteps(where + ".pretokenizers", node.path("pretokenizers"));
                for (int i = 0; i < nodes.size(); i++) {
                    steps.add(preTokenizer(where + ".pretokenizers[" + i + "]", nodes.path(i)));
                }
                yield PreTokenizer.sequence(steps);
            }
            default -> throw Fields.unsupported(file, where + ".type", node.path("type"),
                    "Split, Digits, ByteLevel, Metaspace and Sequence");
        };
    }

    private PreTokenizer metaspace(String where, JsonNode node) throws IOException {
        String mark = node.path("replacement").asString("\u2581");
        if (mark.length() != 1) {
            throw Fields.unsupported(file, where + ".replacement", node.path("replacement"), "one character");
        }
        // The older field says the same; it is there beside the newer one in some files.
        String scheme = node.path("prepend_scheme")
                .asString(node.path("add_prefix_space").asBoolean(true) ? "always" : "never");
        if (!List.of("always", "first", "never").contains(scheme)) {
            throw Fields.unsupported(file, where + ".prepend_scheme", node.path("prepend_scheme"),
                    "always, first and never");
        }
        return PreTokenizer.metaspace(
                mark.charAt(0),
                !scheme.equals("never"),
                scheme.equals("always"),
                node.path("split").asBoolean(true));
    }

    private JsonNode checkSteps(String where, JsonNode nodes) throws IOException {
        if (!nodes.isArray() || nodes.size() > MAX_STEPS) {
            throw new TokenizerException(file, where + " must be an array of at most " + MAX_STEPS + " steps");
        }
        return nodes;
    }

    private Behavior behavior(String where, JsonNode node) throws IOException {
        try {
            return Behavior.valueOf(node.asString(""));
        } catch (IllegalArgumentException e) {
            throw Fields.unsupported(file, where, node, Arrays.toString(Behavior.values()));
        }
    }

    private Pattern pattern(String where, JsonNode node) throws IOException {
        String literal = node.path("String").asString("");
        if (!literal.isEmpty()) {
            return Pattern.compile(Pattern.quote(literal));
        }
        try {
            return Oniguruma.compile(node.path("Regex").asString(""));
        } catch (IllegalArgumentException e) {
            throw new TokenizerException(
                    file, where + ".Regex \"" + Fields.abbreviate(node.path("Regex").asString("")) + "\": "
                            + e.getMessage(),
                    e);
        }
    }
}
