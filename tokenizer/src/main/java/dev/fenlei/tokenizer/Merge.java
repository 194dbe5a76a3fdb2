package dev.fenlei.tokenizer;

/// One step of byte-pair encoding: `left` and `right`, adjacent, become one token.
record Merge(String left, String right) {}
