package dev.fenlei.tokenizer;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// SentencePiece's `precompiled_charsmap`: which strings a normalizer such as nmt_nfkc replaces by which, in a double array.
///
/// Sources: `src/normalizer.cc` of google/sentencepiece, and darts-clone, whose units it keeps.
final class CharsMap {

    private final int[] units;
    private final byte[] replacements;

    /// A place in the text where the longest replaceable string ends, and what replaces it.
    record Match(int bytes, String replacement) {}

    private CharsMap(int[] units, byte[] replacements) {
        this.units = units;
        this.replacements = replacements;
    }

    /// The map in these bytes, or null if they are none, which means that nothing is replaced.
    ///
    /// @throws IllegalArgumentException if they are malformed
    static @Nullable CharsMap read(ByteBuffer bytes) {
        if (!bytes.hasRemaining()) {
            return null;
        }
        ByteBuffer map = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
        long size = map.remaining() < 4 ? -1 : Integer.toUnsignedLong(map.getInt());
        if (size < 4 || size % 4 != 0 || size > map.remaining()) {
            throw new IllegalArgumentException("normalizer_spec.precompiled_charsmap is malformed");
        }
        int[] units = new int[(int) (size / 4)];
        for (int i = 0; i < units.length; i++) {
            units[i] = map.getInt();
        }
        byte[] replacements = new byte[map.remaining()];
        map.get(replacements);
        return new CharsMap(units, replacements);
    }

    /// The longest string that begins at this byte of the text and is replaced, or null.
    @Nullable
    Match longest(byte[] utf8, int start) {
        int node = offset(unit(0));
        int value = -1;
        int length = 0;
        for (int i = start; i < utf8.length; i++) {
            int label = utf8[i] & 0xFF;
            node ^= label;
            int unit = unit(node);
            if ((unit & 0x800000FF) != label) {
                break;
            }
            node ^= offset(unit);
            if ((unit >>> 8 & 1) != 0) {
                value = unit(node) & Integer.MAX_VALUE;
                length = i + 1 - start;
            }
        }
        return value < 0 ? null : new Match(length, replacement(value));
    }

    /// A place outside the array matches nothing.
    private int unit(int node) {
        return node >= 0 && node < units.length ? units[node] : Integer.MIN_VALUE;
    }

    private static int offset(int unit) {
        return unit >>> 10 << ((unit & 1 << 9) >>> 6);
    }

    private String replacement(int from) {
        int end = from;
        while (end < replacements.length && replacements[end] != 0) {
            end++;
        }
        return from >= end ? "" : new String(replacements, from, end - from, StandardCharsets.UTF_8);
    }
}
