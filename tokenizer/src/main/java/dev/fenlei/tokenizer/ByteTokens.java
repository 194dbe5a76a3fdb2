package dev.fenlei.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The tokens `<0x00>` to `<0xFF>`, which stand for the bytes of characters that a vocabulary lacks.
final class ByteTokens {

    private static final int NONE = -1;

    private ByteTokens() {}

    /// The ids of the tokens of all bytes; -1 for those that the vocabulary lacks.
    static int[] find(Map<String, Integer> idOfToken) {
        int[] ids = new int[256];
        for (int b = 0; b < 256; b++) {
            ids[b] = idOfToken.getOrDefault(name(b), NONE);
        }
        return ids;
    }

    private static String name(int b) {
        return "<0x" + HexFormat.of().withUpperCase().toHexDigits((byte) b) + ">";
    }

    /// The tokens of the bytes of a character, or null if one is lacking.
    static int @Nullable [] of(int codePoint, int[] idOfByte) {
        byte[] bytes = Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
        int[] ids = new int[bytes.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = idOfByte[bytes[i] & 0xFF];
            if (ids[i] == NONE) {
                return null;
            }
        }
        return ids;
    }

    /// The byte that a token stands for, or -1.
    static int byteOf(String token) {
        boolean form = token.length() == 6 && token.startsWith("<0x") && token.endsWith(">");
        return form && HexFormat.isHexDigit(token.charAt(3)) && HexFormat.isHexDigit(token.charAt(4))
                ? HexFormat.fromHexDigits(token, 3, 5)
                : NONE;
    }
}
