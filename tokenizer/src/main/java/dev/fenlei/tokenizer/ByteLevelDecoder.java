package dev.fenlei.tokenizer;

import org.jspecify.annotations.Nullable;

/// Joins the bytes of tokens and reads them as UTF-8; what is malformed becomes U+FFFD as Unicode recommends.
final class ByteLevelDecoder implements TokenDecoder {

    private static final byte[] NONE = {};

    private final byte[] @Nullable [] bytesOfId;
    private final Utf8 utf8 = new Utf8(true);

    ByteLevelDecoder(byte[] @Nullable [] bytesOfId) {
        this.bytesOfId = bytesOfId;
    }

    @Override
    public void accept(int id, StringBuilder text) {
        byte[] bytes = id >= 0 && id < bytesOfId.length ? bytesOfId[id] : null;
        if (bytes != null) {
            utf8.decode(bytes, false, text);
        }
    }

    @Override
    public void finish(StringBuilder text) {
        utf8.decode(NONE, true, text);
    }
}
