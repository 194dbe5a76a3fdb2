package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import tools.jackson.databind.JsonNode;

/// How a conversation becomes one text: ChatML in the dialects of the Qwen generations, which differ in the system
/// sentence that stands where a conversation brings none.
///
/// A model's `chat_template` is a program in Jinja. It is recognised by its text and never executed.
public enum ChatTemplate {
    /// Qwen 1.5, whose sentence has no full stop.
    QWEN1_5("You are a helpful assistant", false),
    /// The first chat models of Qwen 1.5, which leave the last turn open unless a generation prompt is asked for, and
    /// open no turn of the assistant after one of the assistant.
    QWEN1_5_OPEN("You are a helpful assistant", true),
    /// Qwen 2, and the base models of Qwen 2.5.
    QWEN2("You are a helpful assistant.", false),
    /// The chat models of Qwen 2.5; without tools, which are not supported.
    QWEN2_5("You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", false);

    /// The program that stands for [#QWEN1_5] in `tokenizer_config.json`.
    static final String QWEN1_5_JINJA = "{% for message in messages %}"
            + "{% if loop.first and messages[0]['role'] != 'system' %}"
            + "{{ '<|im_start|>system\nYou are a helpful assistant<|im_end|>\n' }}{% endif %}"
            + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private static final Set<String> ROLES = Set.of("system", "user", "assistant");

    private final String systemSentence;
    private final boolean lastTurnOpen;

    ChatTemplate(String systemSentence, boolean lastTurnOpen) {
        this.systemSentence = systemSentence;
        this.lastTurnOpen = lastTurnOpen;
    }

    /// Recognises the template of a model directory (`chat_template.jinja`, or else `chat_template` in
    /// `tokenizer_config.json`).
    ///
    /// @throws TokenizerException if there is none, or one that is not known
    public static ChatTemplate load(Path directory) throws IOException {
        Path jinjaFile = directory.resolve("chat_template.jinja");
        if (Files.exists(jinjaFile)) {
            return recognise(jinjaFile, JsonFiles.readText(jinjaFile));
        }
        Path configFile = directory.resolve("tokenizer_config.json");
        JsonNode node = JsonFiles.readObject(configFile).path("chat_template");
        if (node.isArray()) {
            node = node.valueStream()
                    .filter(named -> named.path("name").asString("").equals("default"))
                    .findFirst()
                    .map(named -> named.path("template"))
                    .orElse(node);
        }
        if (!node.isString()) {
            throw new TokenizerException(configFile, "has no chat_template; choose one of " + known());
        }
        return recognise(configFile, node.asString());
    }

    private static ChatTemplate recognise(Path file, String jinja) throws IOException {
        // Qwen 3's rewrites the answers of earlier turns.
        if (!jinja.contains("<think>")) {
            for (ChatTemplate template : values()) {
                // Line breaks are written out in some files and escaped in others.
                if (jinja.contains("<|im_start|>system\n" + template.systemSentence + "<|im_end|>")
                        || jinja.contains("<|im_start|>system\\n" + template.systemSentence + "<|im_end|>")) {
                    boolean open = jinja.contains("loop.last and add_generation_prompt");
                    return template == QWEN1_5 && open ? QWEN1_5_OPEN : template;
                }
            }
        }
        throw new TokenizerException(file, "the chat_template is not one of those known; if the model speaks one of "
                + known() + " nevertheless, name it");
    }

    private static String known() {
        return List.of(values()).stream().map(Enum::name).collect(Collectors.joining(", "));
    }

    /// The conversation in segments, so that control tokens can be told from what people wrote.
    ///
    /// @param messages the turns, at least one
    /// @param addGenerationPrompt whether the text is to end with the opening of the assistant's next turn
    /// @throws IllegalArgumentException if there is no message, or a role is not `system`, `user` or `assistant`
    public List<Segment> segments(List<Message> messages, boolean addGenerationPrompt) {
        if (messages.isEmpty()) {
            throw new IllegalArgumentException("a conversation needs at least one message");
        }
        List<Segment> segments = new ArrayList<>();
        if (!messages.getFirst().role().equals("system")) {
            segments.add(Segment.template(defaultSystem()));
        }
        for (Message message : messages) {
            if (!ROLES.contains(message.role())) {
                throw new IllegalArgumentException(
                        "the role must be system, user or assistant, but is " + message.role());
            }
            segments.add(Segment.template("<|im_start|>" + message.role() + "\n"));
            segments.add(Segment.content(message.content()));
            segments.add(Segment.template("<|im_end|>\n"));
        }
        if (lastTurnOpen && !addGenerationPrompt) {
            segments.removeLast();
        }
        boolean answered = messages.getLast().role().equals("assistant");
        if (addGenerationPrompt && !(lastTurnOpen && answered)) {
            segments.add(Segment.template("<|im_start|>assistant\n"));
        }
        return segments;
    }

    private String defaultSystem() {
        return "<|im_start|>system\n" + systemSentence + "<|im_end|>\n";
    }

    /// The conversation as one text. To encode it, use [#encode], which keeps control tokens apart from what people
    /// wrote.
    public String render(List<Message> messages, boolean addGenerationPrompt) {
        return segments(messages, addGenerationPrompt).stream().map(Segment::text).collect(Collectors.joining());
    }

    /// The ids of the conversation. Control tokens come from the template only, whatever the messages contain.
    public int[] encode(Tokenizer tokenizer, List<Message> messages, boolean addGenerationPrompt) {
        return tokenizer.encode(segments(messages, addGenerationPrompt));
    }
}
