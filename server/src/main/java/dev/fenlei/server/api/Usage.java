package dev.fenlei.server.api;

import dev.fenlei.lora.classify.Decision;
import java.util.List;

/// What a request cost, as OpenAI counts it.
///
/// @param promptTokens of all prompts
/// @param completionTokens that were written
/// @param totalTokens both
record Usage(int promptTokens, int completionTokens, int totalTokens) {

    static Usage of(int promptTokens, int completionTokens) {
        return new Usage(promptTokens, completionTokens, promptTokens + completionTokens);
    }

    static Usage of(List<Decision> decisions) {
        return of(decisions.stream().mapToInt(Decision::promptTokens).sum(), 0);
    }
}
