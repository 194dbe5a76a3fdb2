package dev.fenlei.tokenizer;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Writes conversations in the forms of Llama 3 and of Mistral.
final class OtherChats {

    private OtherChats() {}

    /// Llama 3 trims every message. The template of Llama 3.1 and later also puts dates before the instruction, which are
    /// left out here: a prompt must not depend on the day.
    static List<Segment> llama3(List<Message> messages, ChatOptions options) {
        List<Segment> segments = new ArrayList<>();
        segments.add(Segment.template("<|begin_of_text|>"));
        for (Message message : messages) {
            segments.add(Segment.template("<|start_header_id|>" + message.role() + "<|end_header_id|>\n\n"));
            segments.add(Segment.content(WhiteSpace.trim(message.content())));
            segments.add(Segment.template("<|eot_id|>"));
        }
        if (options.addGenerationPrompt()) {
            segments.add(Segment.template("<|start_header_id|>assistant<|end_header_id|>\n\n"));
        }
        return segments;
    }

    /// What stands around the turns of Mistral's versions, which differ in nothing but spaces and the place of the
    /// instruction.
    ///
    /// @param beforeUser opens a user's turn
    /// @param afterUser closes it
    /// @param beforeAnswer opens an answer that is there already
    /// @param systemInLast whether the instruction stands in the last turn of the user instead of the first
    record Mistral(String beforeUser, String afterUser, String beforeAnswer, boolean systemInLast) {

        static final Mistral V1 = new Mistral("[INST] ", " [/INST]", " ", false);
        static final Mistral V3 = new Mistral("[INST] ", "[/INST]", " ", true);
        static final Mistral TEKKEN = new Mistral("[INST]", "[/INST]", "", true);

        List<Segment> write(List<Message> messages) {
            String system = messages.getFirst().role().equals("system") ? messages.getFirst().content() : null;
            List<Message> turns = system == null ? messages : messages.subList(1, messages.size());
            int systemTurn = systemInLast ? (turns.size() - 1) / 2 * 2 : 0;
            List<Segment> segments = new ArrayList<>();
            segments.add(Segment.template("<s>"));
            for (int i = 0; i < turns.size(); i++) {
                String expected = i % 2 == 0 ? "user" : "assistant";
                if (!turns.get(i).role().equals(expected)) {
                    throw new IllegalArgumentException("the template of Mistral takes turns of user and assistant, "
                            + "but turn " + (i + 1) + " is by " + turns.get(i).role());
                }
                writeTurn(turns.get(i), i == systemTurn ? system : null, segments);
            }
            return segments;
        }

        private void writeTurn(Message turn, @Nullable String system, List<Segment> segments) {
            boolean isUser = turn.role().equals("user");
            segments.add(Segment.template(isUser ? beforeUser : beforeAnswer));
            if (system != null) {
                segments.add(Segment.content(system));
                segments.add(Segment.template("\n\n"));
            }
            segments.add(Segment.content(turn.content()));
            segments.add(Segment.template(isUser ? afterUser : "</s>"));
        }
    }
}
