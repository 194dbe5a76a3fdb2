package dev.fenlei.tokenizer;

/// A token that stands outside the BPE vocabulary, such as `<|im_end|>`; the fields are those of Hugging Face.
///
/// @param id the token's id
/// @param content the text that stands for it
/// @param special whether decoding may skip it
/// @param singleWord whether it is recognised only where no word character touches it
/// @param stripLeft whether it swallows the white space before it
/// @param stripRight whether it swallows the white space after it
/// @param normalized whether it is looked for in the normalized text instead of the text as given
record AddedToken(
        int id,
        String content,
        boolean special,
        boolean singleWord,
        boolean stripLeft,
        boolean stripRight,
        boolean normalized) {}
