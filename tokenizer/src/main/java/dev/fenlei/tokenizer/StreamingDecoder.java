package dev.fenlei.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/// Turns ids that arrive one at a time into text, and holds back the bytes of a character until it is complete. All the
/// strings returned, joined, are what [Tokenizer#decode(int[], boolean)] gives for all the ids.
///
/// Not for use by several threads at once.
public final class StreamingDecoder {

    private final Tokenizer tokenizer;
    private final boolean skipSpecial;
    private final CharsetDecoder utf8 = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] pending = new byte[0];

    StreamingDecoder(Tokenizer tokenizer, boolean skipSpecial) {
        this.tokenizer = tokenizer;
        this.skipSpecial = skipSpecial;
    }

    /// The text that the next token completes; often empty.
    public String accept(int id) {
        return decode(tokenizer.bytesOf(id, skipSpecial), false);
    }

    /// What is left at the end: U+FFFD if the last character is incomplete, else nothing. Afterwards the decoder starts
    /// anew.
    public String finish() {
        return decode(new byte[0], true);
    }

    private String decode(byte[] next, boolean last) {
        ByteBuffer bytes = ByteBuffer.allocate(pending.length + next.length).put(pending).put(next).flip();
        // At most one char per byte: only four-byte characters take two.
        CharBuffer text = CharBuffer.allocate(bytes.remaining());
        utf8.reset();
        utf8.decode(bytes, text, last);
        pending = new byte[bytes.remaining()];
        bytes.get(pending);
        return text.flip().toString();
    }
}
