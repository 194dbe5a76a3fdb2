package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// Reads `qwen.tiktoken`, the vocabulary of the first Qwen: a line holds a token's bytes in Base64 and its rank, which is its
/// id too. Any two neighbours whose bytes together are a token merge, those of the lowest rank first.
///
/// The pattern and the control tokens stand in Qwen's `tokenization_qwen.py` and are repeated here.
final class TiktokenFile {

    private static final int MAX_TOKEN_BYTES = 1024;
    private static final int EXTRA_TOKENS = 205;

    private TiktokenFile() {}

    static Components read(Path file) throws IOException {
        Map<String, Integer> idOfBytes = readRanks(file);
        Map<String, Integer> idOfToken = HashMap.newHashMap(idOfBytes.size());
        idOfBytes.forEach(
                (bytes, id) -> idOfToken.put(ByteAlphabet.toText(bytes.getBytes(StandardCharsets.ISO_8859_1)), id));
        int first = idOfBytes.values().stream().mapToInt(Integer::intValue).max().orElse(-1) + 1;
        List<AddedToken> control = new ArrayList<>();
        List<String> names = new ArrayList<>(List.of("<|endoftext|>", "<|im_start|>", "<|im_end|>"));
        for (int i = 0; i < EXTRA_TOKENS; i++) {
            names.add("<|extra_" + i + "|>");
        }
        for (String name : names) {
            control.add(new AddedToken(first + control.size(), name, true, false, false, false, false));
        }
        BpeModel.Options options = new BpeModel.Options(false, null, false, true);
        BpeModel model = new BpeModel(idOfToken, pairs(idOfBytes), true, options, TiktokenCore.ofRanks(idOfToken));
        return TokenizerReader.qwen(idOfToken, control, model);
    }

    private static Map<String, Integer> readRanks(Path file) throws IOException {
        List<String> lines = JsonFiles.readLines(file);
        Map<String, Integer> idOfBytes = HashMap.newHashMap(lines.size());
        Set<Integer> ids = HashSet.newHashSet(lines.size());
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i);
            if (line.isEmpty()) {
                continue;
            }
            try {
                int space = line.indexOf(' ');
                byte[] bytes = Base64.getDecoder().decode(line.substring(0, Math.max(0, space)));
                int id = Integer.parseInt(line.substring(space + 1));
                boolean valid = bytes.length > 0
                        && bytes.length <= MAX_TOKEN_BYTES
                        && id >= 0
                        && id < VocabularyReader.MAX_TOKENS - EXTRA_TOKENS - 3;
                if (!valid || !ids.add(id)
                        || idOfBytes.put(new String(bytes, StandardCharsets.ISO_8859_1), id) != null) {
                    throw new IllegalArgumentException("empty, too long, out of range or there twice");
                }
            } catch (IllegalArgumentException e) {
                throw new TokenizerException(file, "line " + (i + 1) + " must be a token in Base64, a space and its"
                        + " rank, but is \"" + Fields.abbreviate(line) + "\"", e);
            }
        }
        for (int b = 0; b < 256; b++) {
            if (!idOfBytes.containsKey(String.valueOf((char) b))) {
                throw new TokenizerException(file, "lacks a token for the byte " + b);
            }
        }
        return idOfBytes;
    }

    private static PairTable pairs(Map<String, Integer> idOfBytes) {
        PairTable pairs = new PairTable(idOfBytes.size() * 4);
        idOfBytes.forEach((token, id) -> {
            for (int cut = 1; cut < token.length(); cut++) {
                Integer left = idOfBytes.get(token.substring(0, cut));
                Integer right = idOfBytes.get(token.substring(cut));
                if (left != null && right != null) {
                    pairs.put(left, right, id, id);
                }
            }
        });
        return pairs;
    }
}
