package dev.fenlei.tokenizer;

import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/// What the files of a tokenizer make.
///
/// @param idOfToken the ids of all tokens, in the letters of the files
/// @param addedTokens the tokens that are looked for before anything else
/// @param specialByIdOnly whether special tokens are written by templates alone, and the library of this form does not
///        find them in texts
/// @param encoder what encodes the text between added tokens
/// @param decoder makes a decoder for one text
record Components(
        Map<String, Integer> idOfToken,
        List<AddedToken> addedTokens,
        boolean specialByIdOnly,
        TextEncoder encoder,
        Supplier<TokenDecoder> decoder) {}
