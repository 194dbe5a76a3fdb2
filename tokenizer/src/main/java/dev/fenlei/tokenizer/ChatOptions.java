package dev.fenlei.tokenizer;

import java.util.List;

/// What a conversation is rendered for.
///
/// @param addGenerationPrompt whether the text is to end with the opening of the assistant's next turn
/// @param enableThinking whether that turn may begin with thoughts; if not, Qwen 3's template closes them at once. Other
///        templates know no difference
/// @param tools what the model may call: a JSON object each, in Hugging Face's form; Qwen 2.5 and 3 only
public record ChatOptions(boolean addGenerationPrompt, boolean enableThinking, List<String> tools) {

    public ChatOptions {
        tools = List.copyOf(tools);
    }

    /// Without tools, and with thoughts.
    public static ChatOptions of(boolean addGenerationPrompt) {
        return new ChatOptions(addGenerationPrompt, true, List.of());
    }

    /// The opening of an answer that begins at once.
    public static ChatOptions answer() {
        return new ChatOptions(true, false, List.of());
    }
}
