package dev.fenlei.lora.classify;

import dev.fenlei.lora.train.TrainingExample;
import dev.fenlei.tokenizer.ChatOptions;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Message;
import dev.fenlei.tokenizer.Segment;
import dev.fenlei.tokenizer.Tokenizer;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/// The one prompt of training, evaluation, prediction and serving, written through the chat template of the model; in ChatML:
///
/// ```
/// <|im_start|>system\n{system}<|im_end|>\n
/// <|im_start|>user\n文本：{text}，类别选项：{candidates}<|im_end|>\n<|im_start|>assistant\n
/// ```
///
/// followed by the label and the token that ends a turn. A model that thinks (Qwen 3) is told not to. Candidates are joined by
/// commas. A text that is too long is cut in its middle: news says the most at its beginning and often sums up at its end, and
/// candidates and label always stay. Only the template writes control tokens; text, candidates and labels are encoded as plain
/// characters.
public final class ClassificationPrompt {

    /// The system sentence of the reference recipe.
    public static final String SYSTEM = "你是文本分类领域的专家，你会接收到一段文本和几个潜在的分类选项，请输出文本内容的正确类型";

    private static final String BEFORE_TEXT = "文本：";

    /// Characters of a text that are looked at; more could never fit into a prompt.
    private static final int MAX_CHARACTERS_PER_TOKEN = 64;

    private final Tokenizer tokenizer;
    private final int maxLength;
    private final int endToken;
    private final int[] head;
    private final int[] middle;
    private final int[] tail;

    /// @param template of the model, see [ChatTemplate#detect]
    /// @param maxLength the most tokens of prompt, label and end token together
    /// @throws IllegalArgumentException if the vocabulary lacks the template's end token
    public ClassificationPrompt(Tokenizer tokenizer, ChatTemplate template, int maxLength) {
        this.tokenizer = tokenizer;
        this.maxLength = maxLength;
        endToken = tokenizer.idOf(template.endOfTurn()).orElseThrow(() -> new IllegalArgumentException(
                "the tokenizer has no token " + template.endOfTurn() + ", which ends a turn in the chat template "
                        + template));
        List<Segment> segments = template.segments(
                List.of(Message.system(SYSTEM), Message.user(BEFORE_TEXT)), ChatOptions.answer());
        int question = segments.lastIndexOf(Segment.content(BEFORE_TEXT));
        head = tokenizer.encode(segments.subList(0, question + 1));
        middle = tokenizer.encodeContinuation("，类别选项：");
        tail = tokenizer.encode(segments.subList(question + 1, segments.size()));
    }

    /// With the template whose control tokens the vocabulary has.
    ///
    /// @throws IllegalArgumentException if it has those of none
    public ClassificationPrompt(Tokenizer tokenizer, int maxLength) {
        this(
                tokenizer,
                ChatTemplate.of(tokenizer)
                        .orElseThrow(() -> new IllegalArgumentException(ChatTemplate.unknown())),
                maxLength);
    }

    /// The token that ends a label.
    public int endToken() {
        return endToken;
    }

    /// What every prompt begins with.
    public int[] prefix() {
        return head.clone();
    }

    /// The most tokens of prompt, label and end token together.
    public int maxLength() {
        return maxLength;
    }

    /// The tokens of a label, without end token.
    public int[] label(String label) {
        return tokenizer.encode(label);
    }

    /// The prompt behind [#prefix()].
    ///
    /// @throws IllegalArgumentException if the candidates leave no room for the text
    public int[] prompt(String text, List<String> candidates) {
        return prompt(text, candidates, candidates);
    }

    /// The prompt behind [#prefix()], in which the candidates are written otherwise than as their labels: with a word on what
    /// they mean, say.
    ///
    /// @param candidates the labels
    /// @param written how each of them stands in the prompt
    /// @throws IllegalArgumentException if the candidates leave no room for the text
    public int[] prompt(String text, List<String> candidates, List<String> written) {
        int[] options = tokenizer.encodeContinuation(String.join(",", written));
        int longest = candidates.stream().mapToInt(c -> label(c).length).max().orElse(0);
        int fixed = head.length + middle.length + options.length + tail.length + longest + 1;
        int room = maxLength - fixed;
        if (room < 1) {
            throw new IllegalArgumentException("template and candidates take " + fixed + " of " + maxLength
                    + " tokens and leave no room for the text; raise max-length");
        }
        return concat(cutMiddle(encodeText(text, room), room), middle, options, tail);
    }

    private int[] encodeText(String text, int room) {
        int limit = (int) Math.min(text.length(), (long) room * MAX_CHARACTERS_PER_TOKEN);
        // Only the ends of a longer text can survive the cut, so the rest need not be encoded.
        String kept = limit == text.length()
                ? text
                : text.substring(0, limit / 2) + text.substring(text.length() - limit / 2);
        return tokenizer.encodeContinuation(kept);
    }

    /// Keeps the first and the last half of `room` tokens.
    static int[] cutMiddle(int[] ids, int room) {
        if (ids.length <= room) {
            return ids;
        }
        int front = (room + 1) / 2;
        return concat(Arrays.copyOf(ids, front), Arrays.copyOfRange(ids, ids.length - (room - front), ids.length));
    }

    /// Prompt, label and end token, with the loss on the last two.
    ///
    /// @throws IllegalArgumentException if the candidates leave no room for the text
    public TrainingExample example(String text, List<String> candidates, String label) {
        int[] prompt = prompt(text, candidates);
        int[] ids = concat(head, prompt, label(label), new int[] {endToken});
        return new TrainingExample(ids, head.length + prompt.length);
    }

    private static int[] concat(int[]... parts) {
        return Arrays.stream(parts).flatMapToInt(IntStream::of).toArray();
    }
}
