package dev.fenlei.tokenizer;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// The printable stand-ins that GPT-2 chose for the 256 bytes, so that a vocabulary of byte strings can be written as
/// text: visible Latin-1 characters stand for themselves, the other 68 bytes for U+0100, U+0101 … in order.
///
/// Source: `bytes_to_unicode` in openai/gpt-2, `src/encoder.py`.
final class ByteAlphabet {

    private static final char[] CHAR_OF_BYTE = new char[256];
    private static final short[] BYTE_OF_CHAR = new short[256 + 68];

    static {
        Arrays.fill(BYTE_OF_CHAR, (short) -1);
        int substitutes = 0;
        for (int b = 0; b < 256; b++) {
            boolean visible = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            char c = (char) (visible ? b : 256 + substitutes++);
            CHAR_OF_BYTE[b] = c;
            BYTE_OF_CHAR[c] = (short) b;
        }
    }

    private ByteAlphabet() {}

    /// The characters that stand for the bytes, in the order of the characters: the first 256 ids of GPT-2 and Qwen.
    static char[] sortedCharacters() {
        char[] sorted = CHAR_OF_BYTE.clone();
        Arrays.sort(sorted);
        return sorted;
    }

    static String toText(byte[] bytes) {
        char[] text = new char[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            text[i] = CHAR_OF_BYTE[bytes[i] & 0xFF];
        }
        return new String(text);
    }

    /// The byte that the character stands for, or -1.
    static int toByte(char character) {
        return character < BYTE_OF_CHAR.length ? BYTE_OF_CHAR[character] : -1;
    }

    /// The bytes that the text stands for, or null if a character is not of the alphabet.
    static byte @Nullable [] toBytes(String text) {
        byte[] bytes = new byte[text.length()];
        for (int i = 0; i < bytes.length; i++) {
            int value = toByte(text.charAt(i));
            if (value < 0) {
                return null;
            }
            bytes[i] = (byte) value;
        }
        return bytes;
    }
}
