package dev.fenlei.tokenizer;

import dev.fenlei.tokenizer.SentencePieceNormalizer.UserSymbol;
import dev.fenlei.tokenizer.SentencePieceVocabulary.Piece;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// SentencePiece's BPE: the whole text is one piece, and of the neighbours whose strings form a piece those of the highest
/// score merge first.
///
/// Sources: `src/bpe_model.cc` and `src/sentencepiece_processor.cc` of google/sentencepiece.
final class SentencePieceEncoder implements TextEncoder {

    /// Symbols above are characters that are no pieces; they may still be parts of some.
    private static final int CHARACTERS = 1 << 24;
    /// Symbols above are user-defined pieces, which do not merge with their neighbours.
    private static final int FROZEN = 1 << 25;

    private final SentencePieceNormalizer normalizer;
    private final LongestMatch<UserSymbol> userSymbols;
    private final Map<Integer, Integer> symbolOfCharacter = new HashMap<>();
    private final BpeMerger merger;
    private final int[] idOfByte;
    private final int unknown;

    SentencePieceEncoder(SentencePieceVocabulary vocabulary) {
        List<Piece> pieces = vocabulary.pieces();
        List<UserSymbol> symbols = new ArrayList<>();
        Map<String, Integer> normal = new HashMap<>();
        Map<String, Integer> byteTokens = new HashMap<>();
        int unknownId = 0;
        for (int id = 0; id < pieces.size(); id++) {
            Piece piece = pieces.get(id);
            switch (piece.type()) {
                case NORMAL -> normal.put(piece.text(), id);
                case USER_DEFINED -> symbols.add(new UserSymbol(piece.text(), id, piece.isMarkup()));
                case BYTE -> byteTokens.put(piece.text(), id);
                case UNKNOWN -> unknownId = id;
                case CONTROL, UNUSED -> {}
            }
        }
        unknown = unknownId;
        idOfByte = vocabulary.byteFallback() ? ByteTokens.find(byteTokens) : new int[0];
        userSymbols = new LongestMatch<>(symbols, UserSymbol::text);
        normalizer = new SentencePieceNormalizer(vocabulary.normalizer(), userSymbols);
        normal.forEach((text, id) -> {
            if (text.codePointCount(0, text.length()) == 1) {
                symbolOfCharacter.put(text.codePointAt(0), id);
            }
        });
        merger = new BpeMerger(pairs(pieces, normal));
    }

    private PairTable pairs(List<Piece> pieces, Map<String, Integer> normal) {
        // Pieces of equal scores have equal ranks: then the leftmost pair is first.
        float[] scores = new float[normal.size()];
        int count = 0;
        for (int id : normal.values()) {
            scores[count++] = -pieces.get(id).score();
        }
        Arrays.sort(scores);
        PairTable pairs = new PairTable(normal.size() * 2);
        normal.forEach((text, id) -> {
            int rank = firstIndex(scores, -pieces.get(id).score());
            for (int cut = 1; cut < text.length(); cut++) {
                if (!Character.isLowSurrogate(text.charAt(cut))) {
                    int left = symbol(text.substring(0, cut), normal);
                    int right = symbol(text.substring(cut), normal);
                    if (left >= 0 && right >= 0) {
                        pairs.put(left, right, rank, id);
                    }
                }
            }
        });
        return pairs;
    }

    private static int firstIndex(float[] sorted, float value) {
        int low = 0;
        int high = sorted.length;
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (sorted[middle] < value) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }

    private static int symbol(String text, Map<String, Integer> normal) {
        Integer id = normal.get(text);
        boolean isCharacter = text.codePointCount(0, text.length()) == 1;
        return id != null ? id : isCharacter ? CHARACTERS + text.codePointAt(0) : -1;
    }

    @Override
    public void encode(String text, Trusted trusted, Place place, Ids ids) {
        SentencePieceNormalizer.Normalized normalized = normalizer.normalize(text, trusted, place);
        BpeMerger.Work work = new BpeMerger.Work();
        int count = merger.merge(work, toSymbols(normalized, work));
        boolean afterUnknown = false;
        for (int i = 0; i < count; i++) {
            int symbol = work.symbols[i];
            boolean isUnknown = false;
            if (symbol >= FROZEN) {
                ids.add(symbol - FROZEN);
            } else if (symbol < CHARACTERS) {
                ids.add(symbol);
            } else if (idOfByte.length > 0) {
                int[] bytes = ByteTokens.of(symbol - CHARACTERS, idOfByte);
                for (int id : bytes == null ? new int[] {unknown} : bytes) {
                    ids.add(id);
                }
            } else {
                isUnknown = true;
                if (!afterUnknown) {
                    ids.add(unknown);
                }
            }
            afterUnknown = isUnknown;
        }
    }

    private int toSymbols(SentencePieceNormalizer.Normalized normalized, BpeMerger.Work work) {
        String text = normalized.text().toString();
        work.reserve(text.length() + 1);
        int count = 0;
        int nextFound = 0;
        for (int at = 0; at < text.length();) {
            while (nextFound < normalized.found().size()
                    && normalized.found().get(nextFound).start() < at) {
                nextFound++;
            }
            if (nextFound < normalized.found().size()
                    && normalized.found().get(nextFound).start() == at) {
                SentencePieceNormalizer.Found found = normalized.found().get(nextFound);
                work.symbols[count++] = FROZEN + found.id();
                at = found.end();
                continue;
            }
            // Some symbols, such as runs of U+2581, are there only after normalization.
            UserSymbol symbol = userSymbols.at(text, at, s -> !s.isMarkup());
            if (symbol != null) {
                work.symbols[count++] = FROZEN + symbol.id();
                at += symbol.text().length();
            } else {
                int codePoint = text.codePointAt(at);
                work.symbols[count++] = symbolOfCharacter.getOrDefault(codePoint, CHARACTERS + codePoint);
                at += Character.charCount(codePoint);
            }
        }
        return count;
    }
}
