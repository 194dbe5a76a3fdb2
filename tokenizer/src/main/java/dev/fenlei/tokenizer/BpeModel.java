package dev.fenlei.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Turns one piece of text into ids: its bytes or characters become symbols, and the symbols are merged.
///
/// Source: `models/bpe/model.rs` of huggingface/tokenizers.
final class BpeModel {

    private static final int NONE = -1;

    private final @Nullable TiktokenCore core;
    private final BpeMerger merger;
    /// The symbols of the bytes, in byte-level models.
    private final int @Nullable [] symbolOfByte;
    /// The symbols of the characters, in the others.
    private final Map<Integer, Integer> symbolOfCharacter = new HashMap<>();
    private final int @Nullable [] fallback;
    /// Pieces that are tokens as they stand; by bytes in Latin-1 in byte-level models.
    private final Map<String, Integer> wholePieces;
    private final int unknown;
    private final boolean fusesUnknown;

    /// How a model treats what its vocabulary lacks, and pieces that it has as a whole.
    ///
    /// @param byteFallback whether characters that are no tokens become the tokens of their bytes
    /// @param unknown the token for characters that are none, or null to leave them out
    /// @param fusesUnknown whether several of these become one token
    /// @param ignoresMerges whether a piece that is a token is not merged
    record Options(boolean byteFallback, @Nullable Integer unknown, boolean fusesUnknown, boolean ignoresMerges) {
        static final Options PLAIN = new Options(false, null, false, false);
    }

    /// @param idOfToken the tokens that plain text may become; in byte-level models in the letters of [ByteAlphabet]
    /// @param core encodes pieces that are not too long, if the vocabulary is of its kind
    BpeModel(
            Map<String, Integer> idOfToken, PairTable pairs, boolean byteLevel, Options options,
            @Nullable TiktokenCore core) {
        this.core = core;
        merger = new BpeMerger(pairs);
        symbolOfByte = byteLevel ? new int[256] : null;
        if (symbolOfByte != null) {
            for (int b = 0; b < 256; b++) {
                symbolOfByte[b] = idOfToken.getOrDefault(ByteAlphabet.toText(new byte[] {(byte) b}), NONE);
            }
        } else {
            idOfToken.forEach((token, id) -> {
                if (!token.isEmpty() && token.codePointCount(0, token.length()) == 1) {
                    symbolOfCharacter.put(token.codePointAt(0), id);
                }
            });
        }
        fallback = options.byteFallback() ? ByteTokens.find(idOfToken) : null;
        unknown = options.unknown() == null ? NONE : options.unknown();
        fusesUnknown = options.fusesUnknown();
        wholePieces = options.ignoresMerges() ? wholePieces(idOfToken, byteLevel) : Map.of();
    }

    private static Map<String, Integer> wholePieces(Map<String, Integer> idOfToken, boolean byteLevel) {
        Map<String, Integer> pieces = HashMap.newHashMap(idOfToken.size());
        idOfToken.forEach((token, id) -> {
            byte[] bytes = byteLevel ? ByteAlphabet.toBytes(token) : null;
            if (!byteLevel) {
                pieces.put(token, id);
            } else if (bytes != null) {
                pieces.put(new String(bytes, StandardCharsets.ISO_8859_1), id);
            }
        });
        return pieces;
    }

    void encode(String text, int start, int end, BpeMerger.Work work, Ids ids) {
        if (!wholePieces.isEmpty()) {
            String piece = text.substring(start, end);
            String key = symbolOfByte == null
                    ? piece
                    : new String(piece.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
            Integer id = wholePieces.get(key);
            if (id != null) {
                ids.add(id);
                return;
            }
        }
        if (core != null && end - start <= TiktokenCore.LONGEST) {
            core.encode(text.substring(start, end), ids);
            return;
        }
        int count = symbolOfByte == null
                ? charactersToSymbols(text, start, end, work)
                : bytesToSymbols(symbolOfByte, text, start, end, work);
        count = merger.merge(work, count);
        for (int i = 0; i < count; i++) {
            ids.add(work.symbols[i]);
        }
    }

    private int bytesToSymbols(int[] symbolOf, String text, int start, int end, BpeMerger.Work work) {
        work.reserve(Math.multiplyExact(3, end - start) + 1);
        int[] symbols = work.symbols;
        int count = 0;
        for (int i = start; i < end; i++) {
            int c = text.charAt(i);
            if (c < 0x80) {
                symbols[count++] = symbolOf[c];
            } else if (c < 0x800) {
                symbols[count++] = symbolOf[0xC0 | c >> 6];
                symbols[count++] = symbolOf[0x80 | c & 0x3F];
            } else if (Character.isSurrogate((char) c)) {
                // Texts are free of surrogates without a partner.
                int codePoint = text.codePointAt(i++);
                symbols[count++] = symbolOf[0xF0 | codePoint >> 18];
                symbols[count++] = symbolOf[0x80 | codePoint >> 12 & 0x3F];
                symbols[count++] = symbolOf[0x80 | codePoint >> 6 & 0x3F];
                symbols[count++] = symbolOf[0x80 | codePoint & 0x3F];
            } else {
                symbols[count++] = symbolOf[0xE0 | c >> 12];
                symbols[count++] = symbolOf[0x80 | c >> 6 & 0x3F];
                symbols[count++] = symbolOf[0x80 | c & 0x3F];
            }
        }
        return withoutMissing(symbols, count);
    }

    private int withoutMissing(int[] symbols, int count) {
        int kept = 0;
        boolean inUnknown = false;
        for (int i = 0; i < count; i++) {
            boolean missing = symbols[i] == NONE;
            if (!missing) {
                symbols[kept++] = symbols[i];
            } else if (unknown != NONE && !(inUnknown && fusesUnknown)) {
                symbols[kept++] = unknown;
            }
            inUnknown = missing;
        }
        return kept;
    }

    private int charactersToSymbols(String text, int start, int end, BpeMerger.Work work) {
        work.reserve(Math.multiplyExact(4, end - start) + 1);
        int[] symbols = work.symbols;
        int count = 0;
        // As in the reference, an unknown character is written when the next known or unknown one is reached, behind the
        // bytes of those between.
        boolean pendingUnknown = false;
        for (int i = start; i < end; i += Character.charCount(text.codePointAt(i))) {
            int codePoint = text.codePointAt(i);
            Integer symbol = symbolOfCharacter.get(codePoint);
            if (symbol != null) {
                if (pendingUnknown) {
                    symbols[count++] = unknown;
                    pendingUnknown = false;
                }
                symbols[count++] = symbol;
                continue;
            }
            int[] bytes = fallback == null ? null : ByteTokens.of(codePoint, fallback);
            if (bytes != null) {
                System.arraycopy(bytes, 0, symbols, count, bytes.length);
                count += bytes.length;
            } else if (unknown != NONE) {
                if (pendingUnknown && !fusesUnknown) {
                    symbols[count++] = unknown;
                }
                pendingUnknown = true;
            }
        }
        if (pendingUnknown) {
            symbols[count++] = unknown;
        }
        return count;
    }
}
