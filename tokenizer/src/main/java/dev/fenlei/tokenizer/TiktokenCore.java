package dev.fenlei.tokenizer;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingRegistry;
import com.knuddels.jtokkit.api.GptBytePairEncodingParams;
import com.knuddels.jtokkit.api.IntArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Byte-pair encoding of one piece by jtokkit, for vocabularies of tiktoken's kind.
///
/// tiktoken knows no list of merges: of two adjacent tokens it merges those whose result has the lowest id. That equals the
/// order of a list if ids rise along it, as they do in the vocabularies of Qwen and Llama 3; others have [BpeMerger].
final class TiktokenCore {

    /// Longer pieces take jtokkit more than linear time.
    static final int LONGEST = 256;

    private final Encoding encoding;

    private TiktokenCore(Map<byte[], Integer> ranks) {
        EncodingRegistry registry = Encodings.newLazyEncodingRegistry();
        // The text is cut, and added tokens are found, before pieces come here.
        registry.registerGptBytePairEncoding(
                new GptBytePairEncodingParams("bpe", Pattern.compile(".+", Pattern.DOTALL), ranks, Map.of()));
        encoding = registry.getEncoding("bpe").orElseThrow();
    }

    /// The core of a byte-level vocabulary, or null if its merges are not in the order of the ids.
    ///
    /// @param idOfToken in the letters of [ByteAlphabet]
    static @Nullable TiktokenCore of(Map<String, Integer> idOfToken, List<Merge> merges) {
        Map<String, Integer> reachable = HashMap.newHashMap(256 + merges.size());
        for (char c : ByteAlphabet.sortedCharacters()) {
            Integer id = idOfToken.get(String.valueOf(c));
            if (id == null) {
                return null;
            }
            reachable.put(String.valueOf(c), id);
        }
        int previous = -1;
        for (Merge merge : merges) {
            String result = merge.left() + merge.right();
            Integer id = idOfToken.get(result);
            Integer left = reachable.get(merge.left());
            Integer right = reachable.get(merge.right());
            if (id == null || left == null || right == null || id < previous || id <= left || id <= right) {
                return null;
            }
            previous = id;
            reachable.put(result, id);
        }
        return ofRanks(reachable);
    }

    /// The core of a vocabulary whose ids are the ranks.
    ///
    /// @param idOfToken in the letters of [ByteAlphabet]; every byte is among the tokens
    static TiktokenCore ofRanks(Map<String, Integer> idOfToken) {
        Map<byte[], Integer> ranks = HashMap.newHashMap(idOfToken.size());
        idOfToken.forEach((token, id) -> ranks.put(Objects.requireNonNull(ByteAlphabet.toBytes(token)), id));
        return new TiktokenCore(ranks);
    }

    void encode(String piece, Ids ids) {
        IntArrayList encoded = encoding.encodeOrdinary(piece);
        for (int i = 0; i < encoded.size(); i++) {
            ids.add(encoded.get(i));
        }
    }
}
