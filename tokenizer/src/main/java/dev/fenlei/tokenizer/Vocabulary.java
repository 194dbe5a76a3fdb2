package dev.fenlei.tokenizer;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// What the files of a tokenizer say, checked.
///
/// @param idOfToken the ids of the base vocabulary by token, in the letters of the [ByteAlphabet]
/// @param reachable the tokens that encoding can produce: the 256 bytes and what the merges make of them
/// @param addedTokens the tokens outside it
/// @param pattern the regular expression that cuts a text into the pieces within which tokens are merged
/// @param composed whether texts are brought into Unicode's composed form (NFC) first
record Vocabulary(
        Map<String, Integer> idOfToken,
        Map<String, Integer> reachable,
        List<AddedToken> addedTokens,
        String pattern,
        boolean composed) {

    /// How Qwen 1.5 to 3 cut a text: contractions, letter runs with one leading mark, single digits, punctuation runs,
    /// white space.
    static final String QWEN2_PATTERN = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    /// Llama 3's differs in taking up to three digits at once.
    static final String LLAMA3_PATTERN = QWEN2_PATTERN.replace("|\\p{N}|", "|\\p{N}{1,3}|");

    /// One step of byte-pair encoding: `left` and `right`, adjacent, become one token.
    record Merge(String left, String right) {}

    static final class MergeException extends Exception {
        private static final long serialVersionUID = 1L;

        MergeException(String problem) {
            super(problem);
        }
    }

    /// The tokens that the merges can produce, with their ids.
    ///
    /// The BPE core knows no list of merges: of two adjacent tokens it merges those whose result has the lowest id.
    /// That equals the order of the list if every result has a higher id than its parts and ids rise along the list, as
    /// they do in every vocabulary that training produced; an edited list is refused here rather than encoded
    /// differently.
    static Map<String, Integer> reachableTokens(Map<String, Integer> idOfToken, List<Merge> merges)
            throws MergeException {
        Map<String, Integer> reachable = HashMap.newHashMap(256 + merges.size());
        for (char c : ByteAlphabet.sortedCharacters()) {
            String token = String.valueOf(c);
            Integer id = idOfToken.get(token);
            if (id == null) {
                throw new MergeException("the vocabulary lacks the byte token \"" + token
                        + "\"; only byte-level BPE with all 256 bytes is supported");
            }
            reachable.put(token, id);
        }
        int previousId = -1;
        for (int i = 0; i < merges.size(); i++) {
            Merge merge = merges.get(i);
            String result = merge.left() + merge.right();
            Integer id = idOfToken.get(result);
            Integer left = reachable.get(merge.left());
            Integer right = reachable.get(merge.right());
            if (id == null || left == null || right == null) {
                String missing = id == null ? result : left == null ? merge.left() : merge.right();
                throw new MergeException("merge " + i + " (\"" + merge.left() + " " + merge.right() + "\") uses \""
                        + missing + "\", which is not in the vocabulary or is made by no earlier merge");
            }
            if (id < previousId || id <= left || id <= right) {
                throw new MergeException("merge " + i + " (\"" + merge.left() + " " + merge.right() + "\") makes token "
                        + id
                        + ", out of order; only vocabularies whose ids rise in the order of the merges are supported");
            }
            previousId = id;
            reachable.put(result, id);
        }
        return reachable;
    }
}
