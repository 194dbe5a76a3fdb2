package dev.fenlei.tokenizer;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingRegistry;
import com.knuddels.jtokkit.api.GptBytePairEncodingParams;
import com.knuddels.jtokkit.api.IntArrayList;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/// Text to token ids and back: the byte-level BPE of the Qwen family, token for token what Hugging Face's `tokenizers`
/// gives (with `add_special_tokens=False`).
///
/// Text that comes from a user is encoded with [#encode(String)], which never yields a control token: `<|im_end|>` in a
/// news text is ten characters like any others. Control tokens are written by templates only, see [ChatTemplate].
///
/// Three things differ from the reference, all outside of real text: runs of more than 16,384 letters, of punctuation
/// or of white space are cut there, more than 256 combining marks on one letter are composed in parts, and surrogates
/// without a partner, which UTF-8 cannot express, are encoded as U+FFFD. The first two keep the time linear in the
/// length of the text.
///
/// Instances are immutable and may be used by many threads.
public final class Tokenizer {

    private final Encoding core;
    private final UnaryOperator<String> normalizer;
    private final AddedTokenSplitter rawSplitter;
    private final AddedTokenSplitter normalizedSplitter;
    private final Map<String, Integer> idOfToken;
    private final byte[] @Nullable [] bytesOfId;
    private final BitSet specialIds = new BitSet();

    private Tokenizer(Vocabulary vocabulary) {
        core = createCore(vocabulary);
        normalizer = vocabulary.composed() ? TextForm::compose : UnaryOperator.identity();
        List<AddedToken> added = vocabulary.addedTokens();
        rawSplitter = new AddedTokenSplitter(
                added.stream().filter(token -> !token.normalized()).toList(), UnaryOperator.identity());
        normalizedSplitter = new AddedTokenSplitter(added.stream().filter(AddedToken::normalized).toList(), normalizer);

        idOfToken = new HashMap<>(vocabulary.idOfToken());
        for (AddedToken token : added) {
            idOfToken.put(token.content(), token.id());
            specialIds.set(token.id(), token.special());
        }
        int size = idOfToken.values().stream().mapToInt(id -> id + 1).max().orElse(0);
        bytesOfId = new byte[size][];
        idOfToken.forEach((token, id) -> {
            byte[] bytes = ByteAlphabet.toBytes(token);
            bytesOfId[id] = bytes != null ? bytes : token.getBytes(StandardCharsets.UTF_8);
        });
    }

    /// Reads the tokenizer of a model directory: `tokenizer.json`, or else `vocab.json` and `merges.txt` with the added
    /// tokens of `tokenizer_config.json` or `added_tokens.json`. Truncation, padding and post-processing in the file
    /// are not applied.
    ///
    /// @throws TokenizerException if the files are missing, malformed or ask for something that is not supported
    public static Tokenizer load(Path directory) throws IOException {
        return new Tokenizer(TokenizerReader.read(Objects.requireNonNull(directory)));
    }

    private static Encoding createCore(Vocabulary vocabulary) {
        Map<byte[], Integer> ranks = HashMap.newHashMap(vocabulary.reachable().size());
        vocabulary
                .reachable()
                .forEach((token, id) -> ranks.put(Objects.requireNonNull(ByteAlphabet.toBytes(token)), id));
        Pattern pattern = TextForm.compile(vocabulary.pattern());
        // Added tokens stay outside the core, which can neither encode nor decode them safely.
        EncodingRegistry registry = Encodings.newLazyEncodingRegistry();
        registry.registerGptBytePairEncoding(new GptBytePairEncodingParams("bpe", pattern, ranks, Map.of()));
        return registry.getEncoding("bpe").orElseThrow();
    }

    /// Encodes plain text, in which nothing is a control token.
    public int[] encode(String text) {
        IntArrayList ids = new IntArrayList();
        encodePlain(text, ids);
        return ids.toArray();
    }

    /// Encodes a text in which the added tokens (`<|im_start|>` …) are recognised, as Hugging Face does by default.
    /// For trusted text only.
    public int[] encodeWithControlTokens(String text) {
        return encode(List.of(Segment.template(text)));
    }

    /// Encodes the segments as one text, recognising added tokens in [template][Segment#isTemplate] segments only.
    /// Where no content segment spells an added token, the result is that of [#encodeWithControlTokens] on the joined
    /// text.
    public int[] encode(List<Segment> segments) {
        IntArrayList ids = new IntArrayList();
        // Merges reach across the border of template and content: plain text is gathered up to the next control token.
        StringBuilder plain = new StringBuilder();
        AddedTokenSplitter.Sink sink = new AddedTokenSplitter.Sink() {
            @Override
            public void plain(String text) {
                plain.append(text);
            }

            @Override
            public void token(int id) {
                flush(plain, ids);
                ids.add(id);
            }
        };
        for (Segment segment : segments) {
            if (segment.isTemplate()) {
                splitControlTokens(segment.text(), sink);
            } else {
                plain.append(segment.text());
            }
        }
        flush(plain, ids);
        return ids.toArray();
    }

    private void splitControlTokens(String text, AddedTokenSplitter.Sink sink) {
        rawSplitter.split(text, new AddedTokenSplitter.Sink() {
            @Override
            public void plain(String piece) {
                normalizedSplitter.split(normalizer.apply(piece), sink);
            }

            @Override
            public void token(int id) {
                sink.token(id);
            }
        });
    }

    private void flush(StringBuilder plain, IntArrayList ids) {
        if (!plain.isEmpty()) {
            encodePlain(plain.toString(), ids);
            plain.setLength(0);
        }
    }

    private void encodePlain(String text, IntArrayList ids) {
        IntArrayList encoded = core.encodeOrdinary(normalizer.apply(TextForm.withoutLoneSurrogates(text)));
        for (int i = 0; i < encoded.size(); i++) {
            ids.add(encoded.get(i));
        }
    }

    /// The text of the tokens, special ones included. Ids outside the vocabulary stand for nothing; bytes that are not
    /// valid UTF-8 become U+FFFD.
    public String decode(int[] ids) {
        return decode(ids, false);
    }

    /// The text of the tokens, without the special ones if so asked.
    public String decode(int[] ids, boolean skipSpecial) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(ids.length * 4);
        for (int id : ids) {
            bytes.writeBytes(bytesOf(id, skipSpecial));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    /// A decoder for ids that arrive one at a time; see [StreamingDecoder].
    public StreamingDecoder streamingDecoder(boolean skipSpecial) {
        return new StreamingDecoder(this, skipSpecial);
    }

    byte[] bytesOf(int id, boolean skipSpecial) {
        byte[] bytes = id >= 0 && id < bytesOfId.length ? bytesOfId[id] : null;
        return bytes == null || (skipSpecial && isSpecial(id)) ? new byte[0] : bytes;
    }

    /// The id of an added token, or of a token of the vocabulary in the letters of its file (`Ġthe` for " the").
    public OptionalInt idOf(String token) {
        Integer id = idOfToken.get(token);
        return id == null ? OptionalInt.empty() : OptionalInt.of(id);
    }

    /// The id of `<|endoftext|>`, which ends a document and pads.
    public OptionalInt endOfText() {
        return idOf("<|endoftext|>");
    }

    /// The id of `<|im_end|>`, which ends a turn of a conversation.
    public OptionalInt endOfTurn() {
        return idOf("<|im_end|>");
    }

    /// The largest id plus one. A model's embedding may have more rows than that; they stand for nothing.
    public int size() {
        return bytesOfId.length;
    }

    /// Whether the id is that of a special token, such as `<|im_end|>`.
    public boolean isSpecial(int id) {
        return id >= 0 && specialIds.get(id);
    }
}
