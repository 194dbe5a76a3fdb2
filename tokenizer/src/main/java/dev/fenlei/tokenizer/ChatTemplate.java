package dev.fenlei.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/// How a conversation becomes one text.
///
/// A model's `chat_template` is a program in Jinja. It is recognised by its text and never executed.
public enum ChatTemplate {
    /// Qwen 1.5, whose sentence has no full stop.
    QWEN1_5("You are a helpful assistant"),
    /// The first chat models of Qwen 1.5, which leave the last turn open unless a generation prompt is asked for, and
    /// open no turn of the assistant after one of the assistant.
    QWEN1_5_OPEN("You are a helpful assistant"),
    /// Qwen 2, and the base models of Qwen 2.5.
    QWEN2("You are a helpful assistant."),
    /// The chat models of Qwen 2.5.
    QWEN2_5("You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
    /// Qwen 3 with its thoughts, which [ChatOptions#enableThinking()] turns off.
    QWEN3(null),
    /// ChatML without an instruction of its own: the instruct models of Qwen 3 that do not think.
    CHATML(null),
    /// Llama 3; for later versions too, without their lines of dates.
    LLAMA3(null),
    /// Mistral 7B Instruct 0.1 and 0.2, where `[INST]` is plain text with spaces around.
    MISTRAL_V1(null),
    /// Mistral 7B Instruct 0.3, where `[INST]` is a token, followed by a space.
    MISTRAL_V3(null),
    /// Mistral's models with the tokenizer Tekken (Nemo): tokens without spaces.
    MISTRAL_TEKKEN(null);

    /// The program that stands for [#QWEN1_5] in `tokenizer_config.json`.
    static final String QWEN1_5_JINJA = "{% for message in messages %}"
            + "{% if loop.first and messages[0]['role'] != 'system' %}"
            + "{{ '<|im_start|>system\nYou are a helpful assistant<|im_end|>\n' }}{% endif %}"
            + "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
            + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

    private static final Pattern OWN_SENTENCE = Pattern.compile("<\\|im_start\\|>system\n(?!['\"])");

    private static final Set<String> ROLES = Set.of("system", "user", "assistant");

    private final @Nullable String systemSentence;

    ChatTemplate(@Nullable String systemSentence) {
        this.systemSentence = systemSentence;
    }

    /// Recognises the template of a model directory (`chat_template.jinja`, or else `chat_template` in
    /// `tokenizer_config.json`).
    ///
    /// @throws TokenizerException if there is none, or one that is not known
    public static ChatTemplate load(Path directory) throws IOException {
        Path file = directory.resolve("chat_template.jinja");
        String jinja = jinja(directory);
        if (!Files.exists(file)) {
            file = directory.resolve("tokenizer_config.json");
        }
        if (jinja == null) {
            throw new TokenizerException(file, "has no chat_template; choose one of " + known());
        }
        Optional<ChatTemplate> template = recognise(jinja);
        if (template.isEmpty()) {
            throw new TokenizerException(file,
                    "the chat_template is not one of those known; if the model speaks one of "
                            + known() + " nevertheless, name it");
        }
        return template.get();
    }

    /// The template that a model is to be addressed with: the one of its directory if it is known, or else the one whose
    /// control tokens its vocabulary has.
    ///
    /// @throws TokenizerException if there is none
    public static ChatTemplate detect(Path directory, Tokenizer tokenizer) throws IOException {
        boolean configured = Files.exists(directory.resolve("chat_template.jinja"))
                || Files.exists(directory.resolve("tokenizer_config.json"));
        String jinja = configured ? jinja(directory) : null;
        Optional<ChatTemplate> template = jinja == null ? Optional.empty() : recognise(jinja);
        if (template.isEmpty()) {
            template = of(tokenizer);
        }
        return template.orElseThrow(() -> new TokenizerException(directory, unknown()));
    }

    /// The template whose control tokens a vocabulary has. Without a directory, Qwen's generations look alike: the result
    /// is [#CHATML] for them, which is the same text where a conversation brings its instruction.
    public static Optional<ChatTemplate> of(Tokenizer tokenizer) {
        if (has(tokenizer, "<|im_start|>", "<|im_end|>")) {
            return Optional.of(CHATML);
        }
        if (has(tokenizer, "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")) {
            return Optional.of(LLAMA3);
        }
        if (has(tokenizer, "<s>", "</s>", "[INST]", "[/INST]") && !has(tokenizer, "[SYSTEM_PROMPT]")) {
            // Tekken is a vocabulary of bytes, the one before of SentencePiece, with U+2581 for the space.
            return Optional.of(has(tokenizer, "\u2581") ? MISTRAL_V3 : MISTRAL_TEKKEN);
        }
        return Optional.empty();
    }

    /// Says which control tokens are known, for a model that has none of them.
    public static String unknown() {
        return "the tokenizer has the control tokens of no known chat template; known are ChatML (<|im_start|>, <|im_end|>:"
                + " Qwen), Llama 3 (<|start_header_id|>, <|end_header_id|>, <|eot_id|>) and Mistral ([INST], [/INST])";
    }

    private static boolean has(Tokenizer tokenizer, String... tokens) {
        return List.of(tokens).stream().allMatch(token -> tokenizer.idOf(token).isPresent());
    }

    private static @Nullable String jinja(Path directory) throws IOException {
        Path jinjaFile = directory.resolve("chat_template.jinja");
        if (Files.exists(jinjaFile)) {
            return JsonFiles.readText(jinjaFile);
        }
        JsonNode node = JsonFiles.readObject(directory.resolve("tokenizer_config.json")).path("chat_template");
        if (node.isArray()) {
            node = node.valueStream()
                    .filter(named -> named.path("name").asString("").equals("default"))
                    .findFirst()
                    .map(named -> named.path("template"))
                    .orElse(node);
        }
        return node.isString() ? node.asString() : null;
    }

    private static Optional<ChatTemplate> recognise(String given) {
        // Line breaks are written out in some files and escaped in others.
        String jinja = given.replace("\\n", "\n");
        if (jinja.contains("<|start_header_id|>") && jinja.contains("<|eot_id|>")) {
            return Optional.of(LLAMA3);
        }
        if (jinja.contains("[INST]") && !jinja.contains("<<SYS>>") && !jinja.contains("[SYSTEM_PROMPT]")) {
            boolean spaceAfter = jinja.contains("[INST] ");
            return Optional.of(jinja.contains(" [/INST]") ? MISTRAL_V1 : spaceAfter ? MISTRAL_V3 : MISTRAL_TEKKEN);
        }
        if (!jinja.contains("<|im_start|>")) {
            return Optional.empty();
        }
        if (jinja.contains("<think>")) {
            // Others think always, or rewrite answers in other ways.
            boolean isQwen3 = jinja.contains("enable_thinking") && jinja.contains("'<think>\n\n</think>\n\n'");
            return isQwen3 ? Optional.of(QWEN3) : Optional.empty();
        }
        for (ChatTemplate template : List.of(QWEN1_5, QWEN2, QWEN2_5)) {
            if (jinja.contains("<|im_start|>system\n" + template.systemSentence + "<|im_end|>")) {
                boolean open = jinja.contains("loop.last and add_generation_prompt");
                return Optional.of(template == QWEN1_5 && open ? QWEN1_5_OPEN : template);
            }
        }
        boolean ownSentence = OWN_SENTENCE.matcher(jinja).find();
        return ownSentence || !jinja.contains("<|im_end|>") ? Optional.empty() : Optional.of(CHATML);
    }

    private static String known() {
        return List.of(values()).stream().map(Enum::name).collect(Collectors.joining(", "));
    }

    /// The token that ends a turn of the assistant.
    public String endOfTurn() {
        return switch (this) {
            case LLAMA3 -> "<|eot_id|>";
            case MISTRAL_V1, MISTRAL_V3, MISTRAL_TEKKEN -> "</s>";
            default -> "<|im_end|>";
        };
    }

    /// The conversation in segments, so that control tokens can be told from what people wrote.
    ///
    /// @param messages the turns, at least one
    /// @throws IllegalArgumentException if there is no message, a role is not `system`, `user` or `assistant`, or the
    ///         template does not allow the order of roles or tools
    public List<Segment> segments(List<Message> messages, ChatOptions options) {
        if (messages.isEmpty()) {
            throw new IllegalArgumentException("a conversation needs at least one message");
        }
        for (Message message : messages) {
            if (!ROLES.contains(message.role())) {
                throw new IllegalArgumentException(
                        "the role must be system, user or assistant, but is " + message.role());
            }
        }
        if (!options.tools().isEmpty() && this != QWEN2_5 && this != QWEN3) {
            throw new IllegalArgumentException("tools are for the templates QWEN2_5 and QWEN3, not for " + this);
        }
        return switch (this) {
            case LLAMA3 -> OtherChats.llama3(messages, options);
            case MISTRAL_V1 -> OtherChats.Mistral.V1.write(messages);
            case MISTRAL_V3 -> OtherChats.Mistral.V3.write(messages);
            case MISTRAL_TEKKEN -> OtherChats.Mistral.TEKKEN.write(messages);
            default -> new ChatMl(systemSentence, this == QWEN1_5_OPEN, this == QWEN3).write(messages, options);
        };
    }

    /// The conversation in segments, with the default of all other options.
    ///
    /// @param addGenerationPrompt whether the text is to end with the opening of the assistant's next turn
    public List<Segment> segments(List<Message> messages, boolean addGenerationPrompt) {
        return segments(messages, ChatOptions.of(addGenerationPrompt));
    }

    /// The conversation as one text. To encode it, use [#encode], which keeps control tokens apart from what people
    /// wrote.
    public String render(List<Message> messages, ChatOptions options) {
        return segments(messages, options).stream().map(Segment::text).collect(Collectors.joining());
    }

    /// The conversation as one text, with the default of all other options.
    public String render(List<Message> messages, boolean addGenerationPrompt) {
        return render(messages, ChatOptions.of(addGenerationPrompt));
    }

    /// The ids of the conversation. Control tokens come from the template only, whatever the messages contain.
    public int[] encode(Tokenizer tokenizer, List<Message> messages, ChatOptions options) {
        return tokenizer.encode(segments(messages, options));
    }

    /// The ids of the conversation, with the default of all other options.
    public int[] encode(Tokenizer tokenizer, List<Message> messages, boolean addGenerationPrompt) {
        return encode(tokenizer, messages, ChatOptions.of(addGenerationPrompt));
    }
}
