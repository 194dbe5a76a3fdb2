package dev.fenlei.server.api;

import dev.fenlei.tokenizer.StreamingDecoder;
import java.util.List;
import java.util.Set;

/// The text of an answer while its tokens come in, up to where a stop sequence begins. What may yet become one is held back.
final class AnswerText {

    private final StreamingDecoder decoder;
    private final Set<Integer> endTokens;
    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private int tokens;
    private boolean stopped;

    AnswerText(StreamingDecoder decoder, Set<Integer> endTokens, List<String> stops) {
        this.decoder = decoder;
        this.endTokens = endTokens;
        this.stops = stops;
    }

    /// The text that the next token lets go; often empty.
    String accept(int id) {
        tokens++;
        if (endTokens.contains(id)) {
            stopped = true;
            return "";
        }
        held.append(decoder.accept(id));
        int stop = firstStop();
        if (stop >= 0) {
            stopped = true;
            held.setLength(stop);
            return "";
        }
        return release(held.length() - openLength());
    }

    /// What is left at the end.
    String finish() {
        if (!stopped) {
            held.append(decoder.finish());
        }
        return release(held.length());
    }

    /// Whether the answer came to its end by itself.
    boolean isStopped() {
        return stopped;
    }

    /// The number of tokens, the last one that ended it included.
    int tokens() {
        return tokens;
    }

    private String release(int length) {
        String text = held.substring(0, length);
        held.delete(0, length);
        return text;
    }

    private int firstStop() {
        return stops.stream().mapToInt(held::indexOf).filter(at -> at >= 0).min().orElse(-1);
    }

    /// The length of the longest end that a stop sequence begins with.
    private int openLength() {
        int longest = 0;
        for (String stop : stops) {
            for (int length = Math.min(stop.length() - 1, held.length()); length > longest; length--) {
                if (stop.startsWith(held.substring(held.length() - length))) {
                    longest = length;
                }
            }
        }
        return longest;
    }
}
