package dev.fenlei.tokenizer;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/// Joins the bytes of tokens and reads them as UTF-8; what is malformed becomes U+FFFD as Unicode recommends.
final class ByteLevelDecoder implements TokenDecoder {

    private final byte[] @Nullable [] bytesOfId;
    private final CharsetDecoder utf8 = StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPLACE)
            .onUnmappableCharacter(CodingErrorAction.REPLACE);
    private byte[] pending = {};

    ByteLevelDecoder(byte[] @Nullable [] bytesOfId) {
        this.bytesOfId = bytesOfId;
    }

    @Override
    public void accept(int id, StringBuilder text) {
        byte[] bytes = id >= 0 && id < bytesOfId.length ? bytesOfId[id] : null;
        if (bytes != null) {
            decode(bytes, false, text);
        }
    }

    @Override
    public void finish(StringBuilder text) {
        decode(new byte[0], true, text);
    }

    private void decode(byte[] next, boolean last, StringBuilder text) {
        ByteBuffer bytes = ByteBuffer.allocate(pending.length + next.length).put(pending).put(next).flip();
        // At most one char per byte: only four-byte characters take two.
        CharBuffer chars = CharBuffer.allocate(bytes.remaining());
        utf8.reset();
        utf8.decode(bytes, chars, last);
        pending = new byte[bytes.remaining()];
        bytes.get(pending);
        text.append(chars.flip());
    }
}
