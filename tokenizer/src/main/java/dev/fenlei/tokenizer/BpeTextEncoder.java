package dev.fenlei.tokenizer;

import java.util.List;

/// The pipeline of `tokenizer.json`: normalizer, added tokens that are looked for in normalized text, pre-tokenizer, BPE.
final class BpeTextEncoder implements TextEncoder {

    private final TextNormalizer normalizer;
    private final AddedTokenSplitter normalizedTokens;
    private final PreTokenizer preTokenizer;
    private final BpeModel model;

    BpeTextEncoder(
            TextNormalizer normalizer, List<AddedToken> normalizedTokens, PreTokenizer preTokenizer, BpeModel model) {
        this.normalizer = normalizer;
        this.normalizedTokens = new AddedTokenSplitter(normalizedTokens,
                content -> normalizer.apply(content, Place.START));
        this.preTokenizer = preTokenizer;
        this.model = model;
    }

    @Override
    public void encode(String text, Trusted trusted, Place place, Ids ids) {
        String normalized = normalizer.apply(text, place);
        BpeMerger.Work work = new BpeMerger.Work();
        PreTokenizer.Sink merge = (piece, start, end, at) -> model.encode(piece, start, end, work, ids);
        // A border of trusted text is where the text before it ends when normalized alone.
        Trusted mapped = normalizedTokens.isEmpty()
                ? Trusted.NOTHING
                : trusted.map(
                        i -> i == text.length()
                                ? normalized.length()
                                : normalizer.apply(text.substring(0, i), place).length());
        normalizedTokens.split(normalized, mapped, new AddedTokenSplitter.Sink() {
            @Override
            public void plain(int start, int end) {
                preTokenizer.split(normalized, start, end, place.ofPiece(0, start), merge);
            }

            @Override
            public void token(int id) {
                ids.add(id);
            }
        });
    }
}
