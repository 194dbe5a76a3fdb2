package dev.fenlei.tokenizer;

import dev.fenlei.tokenizer.Vocabulary.Merge;
import dev.fenlei.tokenizer.Vocabulary.MergeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// Reads the files of a tokenizer: `tokenizer.json`, or `vocab.json` with `merges.txt`.
///
/// Whatever a file asks for and this module does not do is refused by name: a tokenizer that is almost right is worse
/// than none.
final class TokenizerReader {

    private static final int MAX_TOKENS = 1 << 22;
    private static final int MAX_ADDED_TOKENS = 1 << 16;

    private TokenizerReader() {}

    static Vocabulary read(Path directory) throws IOException {
        Path tokenizerFile = directory.resolve("tokenizer.json");
        if (Files.exists(tokenizerFile)) {
            return readTokenizerFile(tokenizerFile);
        }
        if (Files.exists(directory.resolve("vocab.json")) && Files.exists(directory.resolve("merges.txt"))) {
            return readVocabularyAndMerges(directory);
        }
        throw new TokenizerException(
                directory, "holds no tokenizer: expected tokenizer.json, or vocab.json and merges.txt");
    }

    private static Vocabulary readTokenizerFile(Path file) throws IOException {
        JsonNode root = JsonFiles.readObject(file);
        JsonNode model = root.path("model");
        require(file, "model.type", model.path("type"), "BPE");
        requireAbsent(file, "model.dropout", model.path("dropout"));
        requireAbsent(file, "model.continuing_subword_prefix", model.path("continuing_subword_prefix"));
        requireAbsent(file, "model.end_of_word_suffix", model.path("end_of_word_suffix"));
        requireAbsent(file, "model.byte_fallback", model.path("byte_fallback"));
        require(file, "decoder.type", root.path("decoder").path("type"), "ByteLevel");
        String pattern = readPattern(file, root.path("pre_tokenizer"));
        boolean composed = readNormalizer(file, root.path("normalizer"));

        Map<String, Integer> idOfToken = readVocabulary(file, "model.vocab", model.path("vocab"));
        List<AddedToken> addedTokens = new ArrayList<>();
        for (JsonNode node : root.path("added_tokens")) {
            addedTokens.add(readAddedToken(file, "added_tokens", node, node.path("id").asInt(-1)));
        }
        return build(file, idOfToken, readMerges(file, model.path("merges")), addedTokens, pattern, composed);
    }

    private static boolean readNormalizer(Path file, JsonNode normalizer) throws IOException {
        if (normalizer.isMissingNode() || normalizer.isNull()) {
            return false;
        }
        require(file, "normalizer.type", normalizer.path("type"), "NFC");
        return true;
    }

    private static String readPattern(Path file, JsonNode preTokenizer) throws IOException {
        require(file, "pre_tokenizer.type", preTokenizer.path("type"), "Sequence");
        JsonNode steps = preTokenizer.path("pretokenizers");
        if (steps.size() != 2) {
            throw new TokenizerException(file, "pre_tokenizer.pretokenizers has " + steps.size()
                    + " entries; supported is one Split followed by one ByteLevel");
        }
        JsonNode split = steps.path(0);
        require(file, "pre_tokenizer.pretokenizers[0].type", split.path("type"), "Split");
        require(file, "pre_tokenizer.pretokenizers[0].behavior", split.path("behavior"), "Isolated");
        requireAbsent(file, "pre_tokenizer.pretokenizers[0].invert", split.path("invert"));
        JsonNode bytes = steps.path(1);
        require(file, "pre_tokenizer.pretokenizers[1].type", bytes.path("type"), "ByteLevel");
        requireAbsent(file, "pre_tokenizer.pretokenizers[1].add_prefix_space", bytes.path("add_prefix_space"));
        requireAbsent(file, "pre_tokenizer.pretokenizers[1].use_regex", bytes.path("use_regex"));
        // Two regular-expression dialects agree on known patterns only, so others are not tried.
        String pattern = split.path("pattern").path("Regex").asString("");
        if (!pattern.equals(Vocabulary.QWEN2_PATTERN) && !pattern.equals(Vocabulary.LLAMA3_PATTERN)) {
            throw new TokenizerException(file, "pre_tokenizer.pretokenizers[0].pattern.Regex is \""
                    + abbreviate(pattern) + "\"; supported are the patterns of Qwen2 (1.5 to 3) and Llama 3");
        }
        return pattern;
    }

    private static List<Merge> readMerges(Path file, JsonNode merges) throws IOException {
        if (!merges.isArray() || merges.size() > MAX_TOKENS) {
            throw new TokenizerException(file, "model.merges must be an array of at most " + MAX_TOKENS + " merges");
        }
        List<Merge> result = new ArrayList<>(merges.size());
        for (JsonNode merge : merges) {
            String where = "model.merges[" + result.size() + "]";
            if (merge.isString()) {
                result.add(parseMerge(file, where, merge.asString()));
            } else if (merge.size() == 2 && merge.path(0).isString() && merge.path(1).isString()) {
                result.add(new Merge(merge.path(0).asString(), merge.path(1).asString()));
            } else {
                throw new TokenizerException(file, where + " must be \"left right\" or [\"left\", \"right\"]");
            }
        }
        return result;
    }

    private static Merge parseMerge(Path file, String where, String line) throws IOException {
        int space = line.indexOf(' ');
        if (space <= 0 || space == line.length() - 1 || line.indexOf(' ', space + 1) >= 0) {
            throw new TokenizerException(file, where + " must be two tokens with one space between them, but is \""
                    + abbreviate(line) + "\"");
        }
        return new Merge(line.substring(0, space), line.substring(space + 1));
    }

    private static Vocabulary readVocabularyAndMerges(Path directory) throws IOException {
        Path configFile = directory.resolve("tokenizer_config.json");
        JsonNode config = Files.exists(configFile) ? JsonFiles.readObject(configFile) : JsonFiles.emptyObject();
        String type = config.path("tokenizer_class").asString("Qwen2Tokenizer");
        if (!type.equals("Qwen2Tokenizer") && !type.equals("Qwen2TokenizerFast")) {
            throw new TokenizerException(configFile, "tokenizer_class is \"" + abbreviate(type)
                    + "\"; vocab.json with merges.txt is for Qwen2Tokenizer only, others need tokenizer.json");
        }
        Path vocabularyFile = directory.resolve("vocab.json");
        Map<String, Integer> idOfToken = readVocabulary(vocabularyFile, "the file",
                JsonFiles.readObject(vocabularyFile));

        Path mergesFile = directory.resolve("merges.txt");
        List<Merge> merges = new ArrayList<>();
        List<String> lines = JsonFiles.readLines(mergesFile);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (!line.isEmpty() && !(i == 0 && line.startsWith("#version"))) {
                merges.add(parseMerge(mergesFile, "line " + (i + 1), line));
            }
        }
        List<AddedToken> addedTokens = readSeparateAddedTokens(directory, configFile, config);
        return build(mergesFile, idOfToken, merges, addedTokens, Vocabulary.QWEN2_PATTERN, true);
    }

    private static List<AddedToken> readSeparateAddedTokens(Path directory, Path configFile, JsonNode config)
            throws IOException {
        List<AddedToken> tokens = new ArrayList<>();
        if (config.path("added_tokens_decoder").isObject()) {
            for (Map.Entry<String, JsonNode> entry : config.path("added_tokens_decoder").properties()) {
                String where = "added_tokens_decoder." + entry.getKey();
                try {
                    tokens.add(readAddedToken(configFile, where, entry.getValue(), Integer.parseInt(entry.getKey())));
                } catch (NumberFormatException e) {
                    throw new TokenizerException(configFile, where + ": the name must be a token id", e);
                }
            }
            return tokens;
        }
        Path addedFile = directory.resolve("added_tokens.json");
        if (Files.exists(addedFile)) {
            for (Map.Entry<String, Integer> entry : readVocabulary(addedFile, "the file",
                    JsonFiles.readObject(addedFile)).entrySet()) {
                // This older form has no flags; the tokens of Qwen's that are special are those in angle bars.
                String content = entry.getKey();
                boolean special = content.startsWith("<|") && content.endsWith("|>");
                tokens.add(new AddedToken(entry.getValue(), content, special, false, false, false, false));
            }
        }
        return tokens;
    }

    private static AddedToken readAddedToken(Path file, String where, JsonNode node, int id) throws IOException {
        String content = node.path("content").asString("");
        if (content.isEmpty() || id < 0 || id >= MAX_TOKENS) {
            throw new TokenizerException(file, where + ": an added token needs a content and an id below " + MAX_TOKENS
                    + ", but has content \"" + abbreviate(content) + "\" and id " + id);
        }
        return new AddedToken(
                id,
                content,
                node.path("special").asBoolean(false),
                node.path("single_word").asBoolean(false),
                node.path("lstrip").asBoolean(false),
                node.path("rstrip").asBoolean(false),
                node.path("normalized").asBoolean(false));
    }

    private static Map<String, Integer> readVocabulary(Path file, String where, JsonNode node) throws IOException {
        if (!node.isObject() || node.size() > MAX_TOKENS) {
            throw new TokenizerException(
                    file, where + " must be an object of at most " + MAX_TOKENS + " tokens and ids");
        }
        Map<String, Integer> idOfToken = HashMap.newHashMap(node.size());
        Set<Integer> ids = HashSet.newHashSet(node.size());
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            JsonNode id = entry.getValue();
            if (!id.canConvertToInt() || !id.isIntegralNumber() || id.asInt() < 0 || id.asInt() >= MAX_TOKENS) {
                throw new TokenizerException(file, where + ": the id of \"" + abbreviate(entry.getKey())
                        + "\" must be an integer from 0 to " + (MAX_TOKENS - 1) + ", but is "
                        + abbreviate(id.toString()));
            }
            if (!ids.add(id.asInt())) {
                throw new TokenizerException(file, where + ": the id of \"" + abbreviate(entry.getKey()) + "\", "
                        + id.asInt() + ", is another token's too");
            }
            idOfToken.put(entry.getKey(), id.asInt());
        }
        return idOfToken;
    }

    private static Vocabulary build(
            Path file,
            Map<String, Integer> idOfToken,
            List<Merge> merges,
            List<AddedToken> addedTokens,
            String pattern,
            boolean composed)
            throws IOException {
        if (addedTokens.size() > MAX_ADDED_TOKENS) {
            throw new TokenizerException(file, addedTokens.size() + " added tokens, more than " + MAX_ADDED_TOKENS);
        }
        Map<String, Integer> reachable;
        try {
            reachable = Vocabulary.reachableTokens(idOfToken, merges);
        } catch (MergeException e) {
            throw new TokenizerException(file, String.valueOf(e.getMessage()), e);
        }
        Map<Integer, String> contentOfId = new HashMap<>();
        idOfToken.forEach((token, id) -> contentOfId.put(id, token));
        for (AddedToken token : addedTokens) {
            String other = contentOfId.put(token.id(), token.content());
            if (other != null && !other.equals(token.content())) {
                throw new TokenizerException(file, "id " + token.id() + " is both \"" + abbreviate(other) + "\" and \""
                        + abbreviate(token.content()) + "\"");
            }
            // Otherwise a user's text could spell a control token.
            if (token.special() && reachable.containsValue(token.id())) {
                throw new TokenizerException(file, "the special token \"" + abbreviate(token.content())
                        + "\" is also the result of a merge, so plain text could produce it");
            }
        }
        return new Vocabulary(idOfToken, reachable, List.copyOf(addedTokens), pattern, composed);
    }

    private static void require(Path file, String field, JsonNode node, String expected) throws IOException {
        if (!node.asString("").equals(expected)) {
            String actual = node.isMissingNode() ? "missing" : abbreviate(node.toString());
            throw new TokenizerException(file, field + " is " + actual + "; only \"" + expected + "\" is supported");
        }
    }

    /// Requires that the field is missing, null, false, zero or empty.
    private static void requireAbsent(Path file, String field, JsonNode node) throws IOException {
        boolean absent = node.isMissingNode()
                || node.isNull()
                || (node.isBoolean() && !node.asBoolean())
                || (node.isNumber() && node.asDouble() == 0)
                || (node.isString() && node.asString().isEmpty());
        if (!absent) {
            throw new TokenizerException(
                    file, field + " is " + abbreviate(node.toString()) + ", which is not supported");
        }
    }

    private static String abbreviate(String text) {
        return text.length() <= 100 ? text : text.substring(0, 100) + "…";
    }
}
