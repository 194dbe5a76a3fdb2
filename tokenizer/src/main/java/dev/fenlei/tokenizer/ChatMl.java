package dev.fenlei.tokenizer;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Writes conversations in ChatML, as the generations of Qwen do.
final class ChatMl {

    private static final String TOOLS_BEFORE = "# Tools\n\nYou may call one or more functions to assist with the user"
            + " query.\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>";
    private static final String TOOLS_AFTER = "\n</tools>\n\nFor each function call, return a json object with function"
            + " name and arguments within <tool_call></tool_call> XML tags:\n<tool_call>\n"
            + "{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n";
    private static final String NO_THOUGHTS = "<think>\n\n</think>\n\n";

    private final @Nullable String systemSentence;
    private final boolean lastTurnOpen;
    private final boolean thinks;
    private final List<Segment> segments = new ArrayList<>();

    /// @param systemSentence what stands where a conversation brings no instruction, or null for nothing
    /// @param lastTurnOpen whether the last turn is closed only if another is to follow
    /// @param thinks whether answers have a part of thoughts
    ChatMl(@Nullable String systemSentence, boolean lastTurnOpen, boolean thinks) {
        this.systemSentence = systemSentence;
        this.lastTurnOpen = lastTurnOpen;
        this.thinks = thinks;
    }

    List<Segment> write(List<Message> messages, ChatOptions options) {
        boolean hasSystem = messages.getFirst().role().equals("system");
        boolean hasTools = !options.tools().isEmpty();
        if (hasTools) {
            writeTools(hasSystem ? messages.getFirst().content() : null, options.tools());
        } else if (!hasSystem && systemSentence != null) {
            template("<|im_start|>system\n" + systemSentence + "<|im_end|>\n");
        }
        int lastQuery = messages.size() - 1;
        while (lastQuery > 0 && !isQuery(messages.get(lastQuery))) {
            lastQuery--;
        }
        lastQuery = isQuery(messages.get(lastQuery)) ? lastQuery : messages.size() - 1;
        for (int i = hasSystem && hasTools ? 1 : 0; i < messages.size(); i++) {
            Message message = messages.get(i);
            template("<|im_start|>" + message.role() + "\n");
            if (thinks && message.role().equals("assistant")) {
                writeThoughtful(message.content(), i > lastQuery, i == messages.size() - 1);
            } else {
                segments.add(Segment.content(message.content()));
            }
            template("<|im_end|>\n");
        }
        if (lastTurnOpen && !options.addGenerationPrompt()) {
            segments.removeLast();
        }
        boolean answered = messages.getLast().role().equals("assistant");
        if (options.addGenerationPrompt() && !(lastTurnOpen && answered)) {
            template("<|im_start|>assistant\n" + (thinks && !options.enableThinking() ? NO_THOUGHTS : ""));
        }
        return segments;
    }

    /// Answers to tools, which a template writes as a user's turn, are none.
    private static boolean isQuery(Message message) {
        String content = message.content();
        return message.role().equals("user")
                && !(content.startsWith("<tool_response>") && content.endsWith("</tool_response>"));
    }

    private void writeTools(@Nullable String system, List<String> tools) {
        template("<|im_start|>system\n");
        if (system != null) {
            segments.add(Segment.content(system));
        } else if (systemSentence != null) {
            template(systemSentence);
        }
        template((system == null && systemSentence == null ? "" : "\n\n") + TOOLS_BEFORE);
        for (String tool : tools) {
            template("\n");
            segments.add(Segment.content(PythonJson.rewrite(tool)));
        }
        template(TOOLS_AFTER);
    }

    /// Thoughts are kept behind the last question only, and there an answer without any gets empty ones if it is last.
    private void writeThoughtful(String content, boolean afterLastQuery, boolean isLast) {
        String answer = content;
        String thoughts = "";
        int end = content.lastIndexOf("</think>");
        if (end >= 0) {
            answer = stripLeading(content.substring(end + "</think>".length()));
            String before = stripTrailing(content.substring(0, content.indexOf("</think>")));
            int start = before.lastIndexOf("<think>");
            thoughts = stripLeading(start < 0 ? before : before.substring(start + "<think>".length()));
        }
        if (afterLastQuery && (isLast || !thoughts.isEmpty())) {
            template("<think>\n");
            segments.add(Segment.content(stripTrailing(stripLeading(thoughts))));
            template("\n</think>\n\n");
            answer = stripLeading(answer);
        }
        segments.add(Segment.content(answer));
    }

    private static String stripLeading(String text) {
        int start = 0;
        while (start < text.length() && text.charAt(start) == '\n') {
            start++;
        }
        return text.substring(start);
    }

    private static String stripTrailing(String text) {
        int end = text.length();
        while (end > 0 && text.charAt(end - 1) == '\n') {
            end--;
        }
        return text.substring(0, end);
    }

    private void template(String text) {
        segments.add(Segment.template(text));
    }
}
