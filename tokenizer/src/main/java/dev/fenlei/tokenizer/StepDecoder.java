package dev.fenlei.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// The decoders that Hugging Face writes for SentencePiece models: replacements, bytes, a stripped beginning.
///
/// Source: the module `decoders` of huggingface/tokenizers.
final class StepDecoder implements TokenDecoder {

    private final @Nullable String[] tokenOfId;
    private final Steps steps;
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private boolean begun;
    private int toStrip;

    record Replacement(String pattern, String content) {}

    /// What is done, in this order.
    ///
    /// @param replacements in every token
    /// @param byteFallback whether `<0xE4>` stands for a byte; a run of bytes that is no UTF-8 becomes one U+FFFD each
    /// @param stripped which character is taken away from the beginning of the text
    /// @param maxStripped how often at most
    /// @param mark in the first token it stands for nothing; 0 for none
    record Steps(List<Replacement> replacements, boolean byteFallback, char stripped, int maxStripped, char mark) {}

    StepDecoder(@Nullable String[] tokenOfId, Steps steps) {
        this.tokenOfId = tokenOfId;
        this.steps = steps;
        toStrip = steps.maxStripped();
    }

    @Override
    public void accept(int id, StringBuilder text) {
        String token = id >= 0 && id < tokenOfId.length ? tokenOfId[id] : null;
        if (token == null) {
            return;
        }
        if (steps.mark() != 0 && !begun) {
            token = token.replace(String.valueOf(steps.mark()), "");
        }
        begun = true;
        for (Replacement replacement : steps.replacements()) {
            token = token.replace(replacement.pattern(), replacement.content());
        }
        int value = steps.byteFallback() ? ByteTokens.byteOf(token) : -1;
        if (value >= 0) {
            bytes.write(value);
        } else {
            flushBytes(text);
            append(token, text);
        }
    }

    @Override
    public void finish(StringBuilder text) {
        flushBytes(text);
        begun = false;
        toStrip = steps.maxStripped();
    }

    private void flushBytes(StringBuilder text) {
        if (bytes.size() > 0) {
            String decoded;
            try {
                decoded = StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes.toByteArray()))
                        .toString();
            } catch (CharacterCodingException e) {
                decoded = "\uFFFD".repeat(bytes.size());
            }
            bytes.reset();
            append(decoded, text);
        }
    }

    private void append(String decoded, StringBuilder text) {
        int from = 0;
        while (from < decoded.length() && toStrip > 0 && decoded.charAt(from) == steps.stripped()) {
            from++;
            toStrip--;
        }
        if (from < decoded.length()) {
            toStrip = 0;
        }
        text.append(decoded, from, decoded.length());
    }
}
