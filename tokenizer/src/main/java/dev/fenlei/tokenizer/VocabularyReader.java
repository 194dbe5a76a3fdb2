package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.databind.JsonNode;

/// Reads vocabularies, merges and added tokens in Hugging Face's forms, and checks that they fit together.
final class VocabularyReader {

    static final int MAX_TOKENS = 1 << 22;
    private static final int MAX_ADDED_TOKENS = 1 << 16;

    private VocabularyReader() {}

    static Map<String, Integer> readIds(Path file, String where, JsonNode node) throws IOException {
        if (!node.isObject() || node.size() > MAX_TOKENS) {
            throw new TokenizerException(
                    file, where + " must be an object of at most " + MAX_TOKENS + " tokens and ids");
        }
        Map<String, Integer> idOfToken = HashMap.newHashMap(node.size());
        Set<Integer> ids = HashSet.newHashSet(node.size());
        for (Map.Entry<String, JsonNode> entry : node.properties()) {
            JsonNode id = entry.getValue();
            if (!id.canConvertToInt() || !id.isIntegralNumber() || id.asInt() < 0 || id.asInt() >= MAX_TOKENS) {
                throw new TokenizerException(file, where + ": the id of \"" + Fields.abbreviate(entry.getKey())
                        + "\" must be an integer from 0 to " + (MAX_TOKENS - 1) + ", but is "
                        + Fields.abbreviate(id.toString()));
            }
            if (!ids.add(id.asInt())) {
                throw new TokenizerException(file, where + ": the id of \"" + Fields.abbreviate(entry.getKey()) + "\", "
                        + id.asInt() + ", is another token's too");
            }
            idOfToken.put(entry.getKey(), id.asInt());
        }
        return idOfToken;
    }

    static List<Merge> readMerges(Path file, JsonNode merges) throws IOException {
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

    static Merge parseMerge(Path file, String where, String line) throws IOException {
        int space = line.indexOf(' ');
        if (space <= 0 || space == line.length() - 1 || line.indexOf(' ', space + 1) >= 0) {
            throw new TokenizerException(file, where + " must be two tokens with one space between them, but is \""
                    + Fields.abbreviate(line) + "\"");
        }
        return new Merge(line.substring(0, space), line.substring(space + 1));
    }

    static AddedToken readAddedToken(Path file, String where, JsonNode node, int id) throws IOException {
        String content = node.path("content").asString("");
        if (content.isEmpty() || id < 0 || id >= MAX_TOKENS) {
            throw new TokenizerException(file, where + ": an added token needs a content and an id below " + MAX_TOKENS
                    + ", but has content \"" + Fields.abbreviate(content) + "\" and id " + id);
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

    /// Checks that no id is two tokens' and that no special token is a single byte or character, and returns the
    /// vocabulary without the special tokens: what plain text may become.
    static Map<String, Integer> checkAddedTokens(Path file, Map<String, Integer> idOfToken,
            List<AddedToken> addedTokens)
            throws IOException {
        if (addedTokens.size() > MAX_ADDED_TOKENS) {
            throw new TokenizerException(file, addedTokens.size() + " added tokens, more than " + MAX_ADDED_TOKENS);
        }
        Map<Integer, String> contentOfId = HashMap.newHashMap(idOfToken.size());
        idOfToken.forEach((token, id) -> contentOfId.put(id, token));
        Map<String, Integer> plain = new HashMap<>(idOfToken);
        for (AddedToken token : addedTokens) {
            String other = contentOfId.put(token.id(), token.content());
            if (other != null && !other.equals(token.content())) {
                throw new TokenizerException(file, "id " + token.id() + " is both \"" + Fields.abbreviate(other)
                        + "\" and \"" + Fields.abbreviate(token.content()) + "\"");
            }
            if (token.special() && plain.remove(token.content()) != null && token.content().length() == 1) {
                throw new TokenizerException(file, "the special token \"" + token.content()
                        + "\" is also a character of the vocabulary, so plain text could produce it");
            }
        }
        return plain;
    }

    /// The merges as pairs of ids. Those that would make a special token of plain text are left out.
    ///
    /// @param plain the vocabulary without the special tokens
    static PairTable pairs(Path file, Map<String, Integer> idOfToken, Map<String, Integer> plain, List<Merge> merges)
            throws IOException {
        PairTable pairs = new PairTable(merges.size());
        for (int i = 0; i < merges.size(); i++) {
            Merge merge = merges.get(i);
            String result = merge.left() + merge.right();
            for (String token : List.of(merge.left(), merge.right(), result)) {
                if (!idOfToken.containsKey(token)) {
                    throw new TokenizerException(file, "merge " + i + " (\"" + Fields.abbreviate(merge.left()) + " "
                            + Fields.abbreviate(merge.right()) + "\") uses \"" + Fields.abbreviate(token)
                            + "\", which is not in the vocabulary");
                }
            }
            Integer left = plain.get(merge.left());
            Integer right = plain.get(merge.right());
            Integer id = plain.get(result);
            if (left != null && right != null && id != null) {
                pairs.put(left, right, i, id);
            }
        }
        return pairs;
    }
}
