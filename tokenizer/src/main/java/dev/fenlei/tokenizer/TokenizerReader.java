package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// Reads the files of a tokenizer, whichever of the known forms a directory has.
final class TokenizerReader {

    /// How Qwen cuts a text, from the first version to the third: contractions, letter runs with one leading mark, single
    /// digits, punctuation runs, white space.
    static final String QWEN_PATTERN = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    private TokenizerReader() {}

    static Components read(Path directory) throws IOException {
        Path tokenizerFile = directory.resolve("tokenizer.json");
        if (Files.exists(tokenizerFile)) {
            return readTokenizerFile(tokenizerFile);
        }
        if (Files.exists(directory.resolve("vocab.json")) && Files.exists(directory.resolve("merges.txt"))) {
            return readVocabularyAndMerges(directory);
        }
        Path ranks = directory.resolve("qwen.tiktoken");
        if (Files.exists(ranks)) {
            return TiktokenFile.read(ranks);
        }
        Path pieces = directory.resolve("tokenizer.model");
        if (Files.exists(pieces)) {
            return sentencePiece(SentencePieceFile.read(pieces));
        }
        throw new TokenizerException(directory, "holds no tokenizer: expected tokenizer.json, or vocab.json and"
                + " merges.txt, or qwen.tiktoken, or tokenizer.model (SentencePiece)");
    }

    private static Components readTokenizerFile(Path file) throws IOException {
        JsonNode root = JsonFiles.readObject(file);
        JsonNode model = root.path("model");
        Fields.require(file, "model.type", model.path("type"), "BPE");
        Fields.requireAbsent(file, "model.dropout", model.path("dropout"));
        Fields.requireAbsent(file, "model.continuing_subword_prefix", model.path("continuing_subword_prefix"));
        Fields.requireAbsent(file, "model.end_of_word_suffix", model.path("end_of_word_suffix"));
        ComponentReader reader = new ComponentReader(file);
        TextNormalizer normalizer = reader.normalizer("normalizer", root.path("normalizer"));
        PreTokenizer preTokenizer = reader.preTokenizer("pre_tokenizer", root.path("pre_tokenizer"));
        boolean byteLevel = reader.byteLevel();

        Map<String, Integer> idOfToken = VocabularyReader.readIds(file, "model.vocab", model.path("vocab"));
        List<AddedToken> addedTokens = new ArrayList<>();
        for (JsonNode node : root.path("added_tokens")) {
            addedTokens.add(VocabularyReader.readAddedToken(
                    file, "added_tokens", node, node.path("id").asInt(-1)));
        }
        Map<String, Integer> plain = VocabularyReader.checkAddedTokens(file, idOfToken, addedTokens);
        List<Merge> merges = VocabularyReader.readMerges(file, model.path("merges"));
        BpeModel bpe = new BpeModel(
                plain,
                VocabularyReader.pairs(file, idOfToken, plain, merges),
                byteLevel,
                new BpeModel.Options(
                        model.path("byte_fallback").asBoolean(false),
                        unknown(file, model.path("unk_token"), idOfToken),
                        model.path("fuse_unk").asBoolean(false),
                        model.path("ignore_merges").asBoolean(false)),
                byteLevel ? TiktokenCore.of(plain, merges) : null);
        Map<String, Integer> all = withAdded(idOfToken, addedTokens);
        TextEncoder encoder = new BpeTextEncoder(
                normalizer, addedTokens.stream().filter(AddedToken::normalized).toList(), preTokenizer, bpe);
        if (byteLevel) {
            Fields.require(file, "decoder.type", root.path("decoder").path("type"), "ByteLevel");
            return byteLevel(all, addedTokens, encoder);
        }
        StepDecoder.Steps steps = DecoderReader.read(file, root.path("decoder"));
        @Nullable
        String[] tokenOfId = new String[size(all)];
        all.forEach((token, id) -> tokenOfId[id] = token);
        return new Components(all, addedTokens, false, encoder, () -> new StepDecoder(tokenOfId, steps));
    }

    private static @Nullable Integer unknown(Path file, JsonNode token, Map<String, Integer> idOfToken)
            throws IOException {
        if (Fields.isNothing(token)) {
            return null;
        }
        Integer id = idOfToken.get(token.asString(""));
        if (id == null) {
            throw new TokenizerException(
                    file,
                    "model.unk_token is " + Fields.abbreviate(token.toString()) + ", which is not in model.vocab");
        }
        return id;
    }

    private static Components byteLevel(
            Map<String, Integer> idOfToken, List<AddedToken> addedTokens, TextEncoder encoder) {
        byte[] @Nullable [] bytesOfId = new byte[size(idOfToken)][];
        idOfToken.forEach((token, id) -> {
            byte[] bytes = ByteAlphabet.toBytes(token);
            bytesOfId[id] = bytes != null ? bytes : token.getBytes(StandardCharsets.UTF_8);
        });
        return new Components(idOfToken, addedTokens, false, encoder, () -> new ByteLevelDecoder(bytesOfId));
    }

    /// The parts that all versions of Qwen have in common.
    static Components qwen(Map<String, Integer> idOfToken, List<AddedToken> addedTokens, BpeModel model) {
        PreTokenizer preTokenizer = PreTokenizer.split(Oniguruma.compile(QWEN_PATTERN), PreTokenizer.Behavior.Isolated,
                false);
        TextEncoder encoder = new BpeTextEncoder(
                (text, place) -> TextForm.compose(text),
                addedTokens.stream().filter(AddedToken::normalized).toList(),
                preTokenizer,
                model);
        return byteLevel(withAdded(idOfToken, addedTokens), addedTokens, encoder);
    }

    private static Components sentencePiece(SentencePieceVocabulary vocabulary) {
        Map<String, Integer> idOfToken = HashMap.newHashMap(vocabulary.pieces().size());
        List<AddedToken> control = new ArrayList<>();
        for (int id = 0; id < vocabulary.pieces().size(); id++) {
            SentencePieceVocabulary.Piece piece = vocabulary.pieces().get(id);
            idOfToken.put(piece.text(), id);
            if (piece.type() == SentencePieceVocabulary.Type.CONTROL) {
                control.add(new AddedToken(id, piece.text(), true, false, false, false, false));
            }
        }
        return new Components(
                idOfToken,
                control,
                true,
                new SentencePieceEncoder(vocabulary),
                () -> new SentencePieceDecoder(vocabulary));
    }

    private static Map<String, Integer> withAdded(Map<String, Integer> idOfToken, List<AddedToken> addedTokens) {
        Map<String, Integer> all = new HashMap<>(idOfToken);
        addedTokens.forEach(token -> all.put(token.content(), token.id()));
        return all;
    }

    private static int size(Map<String, Integer> idOfToken) {
        return idOfToken.values().stream().mapToInt(id -> id + 1).max().orElse(0);
    }

    private static Components readVocabularyAndMerges(Path directory) throws IOException {
        Path configFile = directory.resolve("tokenizer_config.json");
        JsonNode config = Files.exists(configFile) ? JsonFiles.readObject(configFile) : JsonFiles.emptyObject();
        String type = config.path("tokenizer_class").asString("Qwen2Tokenizer");
        if (!type.equals("Qwen2Tokenizer") && !type.equals("Qwen2TokenizerFast")) {
            throw new TokenizerException(configFile, "tokenizer_class is \"" + Fields.abbreviate(type)
                    + "\"; vocab.json with merges.txt is for Qwen2Tokenizer only, others need tokenizer.json");
        }
        Path vocabularyFile = directory.resolve("vocab.json");
        Map<String, Integer> idOfToken = VocabularyReader.readIds(vocabularyFile, "the file",
                JsonFiles.readObject(vocabularyFile));

        Path mergesFile = directory.resolve("merges.txt");
        List<Merge> merges = new ArrayList<>();
        List<String> lines = JsonFiles.readLines(mergesFile);
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (!line.isEmpty() && !(i == 0 && line.startsWith("#version"))) {
                merges.add(VocabularyReader.parseMerge(mergesFile, "line " + (i + 1), line));
            }
        }
        List<AddedToken> addedTokens = readSeparateAddedTokens(directory, configFile, config);
        Map<String, Integer> plain = VocabularyReader.checkAddedTokens(configFile, idOfToken, addedTokens);
        PairTable pairs = VocabularyReader.pairs(mergesFile, idOfToken, plain, merges);
        return qwen(idOfToken, addedTokens,
                new BpeModel(plain, pairs, true, BpeModel.Options.PLAIN, TiktokenCore.of(plain, merges)));
    }

    private static List<AddedToken> readSeparateAddedTokens(Path directory, Path configFile, JsonNode config)
            throws IOException {
        List<AddedToken> tokens = new ArrayList<>();
        if (config.path("added_tokens_decoder").isObject()) {
            for (Map.Entry<String, JsonNode> entry : config.path("added_tokens_decoder").properties()) {
                String where = "added_tokens_decoder." + entry.getKey();
                try {
                    tokens.add(VocabularyReader.readAddedToken(
                            configFile, where, entry.getValue(), Integer.parseInt(entry.getKey())));
                } catch (NumberFormatException e) {
                    throw new TokenizerException(configFile, where + ": the name must be a token id", e);
                }
            }
            return tokens;
        }
        Path addedFile = directory.resolve("added_tokens.json");
        if (Files.exists(addedFile)) {
            for (Map.Entry<String, Integer> entry : VocabularyReader.readIds(
                    addedFile, "the file", JsonFiles.readObject(addedFile)).entrySet()) {
                // This older form has no flags; the tokens of Qwen's that are special are those in angle bars.
                String content = entry.getKey();
                boolean special = content.startsWith("<|") && content.endsWith("|>");
                tokens.add(new AddedToken(entry.getValue(), content, special, false, false, false, false));
            }
        }
        return tokens;
    }
}
