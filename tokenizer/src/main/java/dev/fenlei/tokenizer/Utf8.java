package dev.fenlei.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/// Reads bytes that arrive in parts as UTF-8. Java's own decoder differs from the Unicode recommendation where the bytes
/// spell surrogates.
///
/// Source: table 3-7 of the Unicode standard.
final class Utf8 {

    private final boolean wholeSubparts;
    private byte[] pending = {};

    /// @param wholeSubparts whether one U+FFFD stands for as many bytes as could begin a character, instead of for one
    Utf8(boolean wholeSubparts) {
        this.wholeSubparts = wholeSubparts;
    }

    /// Appends the characters that are certain, at the end all.
    void decode(byte[] next, boolean last, StringBuilder text) {
        byte[] bytes = Arrays.copyOf(pending, pending.length + next.length);
        System.arraycopy(next, 0, bytes, pending.length, next.length);
        int at = 0;
        int done = 0;
        while (at < bytes.length) {
            int length = scan(bytes, at);
            if (length > 0) {
                at += length;
                continue;
            }
            text.append(new String(bytes, done, at - done, StandardCharsets.UTF_8));
            done = at;
            if (length == 0 && !last) {
                break;
            }
            text.append('\uFFFD');
            at += !wholeSubparts ? 1 : length == 0 ? bytes.length - at : -length;
            done = at;
        }
        text.append(new String(bytes, done, at - done, StandardCharsets.UTF_8));
        pending = Arrays.copyOfRange(bytes, at, bytes.length);
    }

    /// The length of the character that begins here; 0 if the bytes end within it; if they are malformed, the negative
    /// number of those that could begin a character.
    private static int scan(byte[] bytes, int at) {
        int lead = bytes[at] & 0xFF;
        if (lead < 0x80) {
            return 1;
        }
        if (lead < 0xC2 || lead > 0xF4) {
            return -1;
        }
        int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        for (int i = 1; i < length; i++) {
            if (at + i == bytes.length) {
                return 0;
            }
            int b = bytes[at + i] & 0xFF;
            if (b < low || b > high) {
                return -i;
            }
            low = 0x80;
            high = 0xBF;
        }
        return length;
    }
}
