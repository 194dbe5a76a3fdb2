package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/// Text to token ids and back: byte-pair encoding as Hugging Face's `tokenizers` (with `add_special_tokens=False`) and
/// SentencePiece do it, token for token.
///
/// Text that comes from a user is encoded with [#encode(String)], which never yields a control token: `<|im_end|>` in a
/// news text is ten characters like any others. Control tokens are written by templates only, see [ChatTemplate].
///
/// Two things differ from the references, both outside of real text: more than 256 combining marks on one letter are
/// composed in parts, and surrogates without a partner, which UTF-8 cannot express, are encoded as U+FFFD.
///
/// The time is O(n log n) in the length of the text, whatever it holds. Instances are immutable and may be used by many
/// threads.
public final class Tokenizer {

    private final Map<String, Integer> idOfToken;
    private final TextEncoder encoder;
    private final Supplier<TokenDecoder> decoder;
    private final AddedTokenSplitter splitter;
    private final boolean specialByIdOnly;
    private final BitSet specialIds = new BitSet();
    private final int size;

    private Tokenizer(Components components) {
        idOfToken = components.idOfToken();
        encoder = components.encoder();
        decoder = components.decoder();
        specialByIdOnly = components.specialByIdOnly();
        List<AddedToken> added = components.addedTokens();
        splitter = new AddedTokenSplitter(
                added.stream().filter(token -> !token.normalized()).toList(), UnaryOperator.identity());
        added.forEach(token -> specialIds.set(token.id(), token.special()));
        size = idOfToken.values().stream().mapToInt(id -> id + 1).max().orElse(0);
    }

    /// Reads the tokenizer of a model directory: `tokenizer.json` with a BPE model, or else `vocab.json` and `merges.txt`
    /// (Qwen2) with the added tokens of `tokenizer_config.json` or `added_tokens.json`, or `qwen.tiktoken`, or
    /// SentencePiece's `tokenizer.model` (BPE). Truncation, padding and post-processing in the file are not applied.
    ///
    /// @throws TokenizerException if the files are missing, malformed or ask for something that is not supported
    public static Tokenizer load(Path directory) throws IOException {
        return new Tokenizer(TokenizerReader.read(Objects.requireNonNull(directory)));
    }

    /// Encodes plain text, in which nothing is a control token.
    public int[] encode(String text) {
        return encode(text, Place.START);
    }

    /// Encodes plain text that continues another: without the space that some tokenizers, SentencePiece's above all, put
    /// before every text.
    public int[] encodeContinuation(String text) {
        return encode(text, Place.INSIDE);
    }

    private int[] encode(String text, Place place) {
        Ids ids = new Ids();
        encoder.encode(TextForm.withoutLoneSurrogates(text), Trusted.NOTHING, place, ids);
        return ids.toArray();
    }

    /// Encodes a text in which control tokens (`<|im_start|>` …) are recognised, as the reference libraries do by default:
    /// Hugging Face's finds all added tokens, SentencePiece user-defined symbols but not control symbols such as `<s>`.
    /// For trusted text only.
    public int[] encodeWithControlTokens(String text) {
        return encode(text, Trusted.all(text.length()), !specialByIdOnly);
    }

    /// Encodes the segments as one text, recognising control tokens in [template][Segment#isTemplate] segments only.
    /// Where no content segment spells one, the result is that of Hugging Face on the joined text.
    public int[] encode(List<Segment> segments) {
        StringBuilder text = new StringBuilder();
        List<Segment> templates = segments.stream().filter(Segment::isTemplate).toList();
        int[] starts = new int[templates.size()];
        int[] ends = new int[templates.size()];
        int count = 0;
        for (Segment segment : segments) {
            int start = text.length();
            text.append(segment.text());
            if (segment.isTemplate()) {
                starts[count] = start;
                ends[count++] = text.length();
            }
        }
        return encode(text.toString(), new Trusted(starts, ends), true);
    }

    private int[] encode(String given, Trusted trusted, boolean findAddedTokens) {
        String text = TextForm.withoutLoneSurrogates(given);
        Ids ids = new Ids();
        AddedTokenSplitter.Sink sink = new AddedTokenSplitter.Sink() {
            @Override
            public void plain(int start, int end) {
                encoder.encode(
                        text.substring(start, end), trusted.within(start, end), Place.START.ofPiece(0, start), ids);
            }

            @Override
            public void token(int id) {
                ids.add(id);
            }
        };
        splitter.split(text, findAddedTokens ? trusted : Trusted.NOTHING, sink);
        return ids.toArray();
    }

    /// The text of the tokens, special ones included, except for the control symbols of SentencePiece, which have none.
    /// Ids outside the vocabulary stand for nothing; bytes that are not valid UTF-8 become U+FFFD.
    public String decode(int[] ids) {
        return decode(ids, false);
    }

    /// The text of the tokens, without the special ones if so asked.
    public String decode(int[] ids, boolean skipSpecial) {
        StreamingDecoder streaming = streamingDecoder(skipSpecial);
        StringBuilder text = new StringBuilder(ids.length * 2);
        for (int id : ids) {
            streaming.accept(id, text);
        }
        return text.append(streaming.finish()).toString();
    }

    /// A decoder for ids that arrive one at a time; see [StreamingDecoder].
    public StreamingDecoder streamingDecoder(boolean skipSpecial) {
        return new StreamingDecoder(this, decoder.get(), skipSpecial);
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
        return size;
    }

    /// Whether the id is that of a special token, such as `<|im_end|>`.
    public boolean isSpecial(int id) {
        return id >= 0 && specialIds.get(id);
    }
}
