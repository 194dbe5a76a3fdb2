package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.JsonInput;
import dev.fenlei.cli.Progress;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.engine.compute.Backend;
import dev.fenlei.engine.generate.Generation;
import dev.fenlei.engine.generate.Generator;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.ModelConfig;
import dev.fenlei.lora.adapter.Adapter;
import dev.fenlei.tokenizer.ChatTemplate;
import dev.fenlei.tokenizer.Message;
import dev.fenlei.tokenizer.StreamingDecoder;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/// `generate`: free text from a prompt, as it is produced.
@Command(name = "generate", description = "Answer a prompt, or continue it, with free text.")
public final class GenerateCommand extends FenleiCommand {

    private static final int MAX_PROMPT_BYTES = 16 << 20;
    private static final long MAX_TOKENIZER_CONFIG_BYTES = 16 << 20;

    @Mixin
    private ModelOptions modelOptions = new ModelOptions();

    @Option(names = "--adapter", paramLabel = "DIR", description = "LoRA adapter in PEFT form.")
    private @Nullable Path adapter;

    @Option(names = "--prompt", required = true, paramLabel = "TEXT",
            description = "What to answer; - reads standard input.")
    private String prompt = "";

    @Option(names = "--system", paramLabel = "TEXT",
            description = "The instruction before the prompt (default: the chat template's own).")
    private @Nullable String system;

    @Option(names = "--raw", description = "Continue the plain text of the prompt, without the chat template.")
    private boolean raw;

    @Option(names = "--max-new-tokens", description = "The most tokens to produce (default: ${DEFAULT-VALUE}).")
    private int maxNewTokens = 128;

    @Option(names = "--temperature",
            description = "Divides the logits; 0 always takes the likeliest token (default: 0).")
    private @Nullable Double temperature;

    @Option(names = "--top-k", description = "Choose among the K likeliest tokens; 0 for all (default: 0).")
    private @Nullable Integer topK;

    @Option(names = "--top-p",
            description = "Choose among the likeliest tokens whose probabilities reach P; 1 for all (default: 1).")
    private @Nullable Double topP;

    @Option(names = "--repetition-penalty",
            description = "Makes tokens that occurred less likely if above 1 (default: 1).")
    private @Nullable Double repetitionPenalty;

    @Option(names = "--use-generation-config",
            description = "Take the defaults of these settings from the model's generation_config.json.")
    private boolean useGenerationConfig;

    @Option(names = "--seed", description = "Seed of the sampling (default: ${DEFAULT-VALUE}).")
    private long seed = 42;

    @Override
    protected int run() throws Exception {
        if (raw && system != null) {
            throw new ParameterException(
                    spec().commandLine(), "--system belongs to the chat template, which --raw leaves out");
        }
        Path directory = modelOptions.model(adapter);
        Tokenizer tokenizer = Tokenizer.load(directory);
        int[] ids = encode(tokenizer, directory, prompt.equals("-") ? standardInput() : prompt);
        try (Backend backend = modelOptions.backend(directory);
                Decoder decoder = modelOptions.decoder(directory, backend)) {
            if (adapter != null) {
                Adapter _ = Adapter.load(decoder, adapter);
            }
            requireFits(ids, decoder.config(), directory);
            stream(decoder, tokenizer, ids, settings(tokenizer, decoder.config(), directory));
        }
        interruption().throwIfRequested();
        return OK;
    }

    private static String standardInput() throws IOException {
        byte[] bytes = System.in.readNBytes(MAX_PROMPT_BYTES + 1);
        if (bytes.length > MAX_PROMPT_BYTES) {
            throw new UserErrorException("standard input: longer than " + MAX_PROMPT_BYTES + " bytes");
        }
        String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        // Commands such as echo end their output with a line break that nobody means.
        return text.replaceFirst("\\R\\z", "");
    }

    private int[] encode(Tokenizer tokenizer, Path directory, String text) throws IOException {
        if (raw || !hasChatTemplate(directory)) {
            if (system != null) {
                throw new UserErrorException(directory + ": the model has no chat template, so --system has no place");
            }
            if (!raw) {
                say("the model has no chat template; its text continues the prompt");
            }
            return tokenizer.encode(text);
        }
        List<Message> messages = new ArrayList<>();
        if (system != null) {
            messages.add(Message.system(system));
        }
        messages.add(Message.user(text));
        return ChatTemplate.load(directory).encode(tokenizer, messages, true);
    }

    private static boolean hasChatTemplate(Path directory) throws IOException {
        Path config = directory.resolve("tokenizer_config.json");
        return Files.exists(directory.resolve("chat_template.jinja"))
                || (Files.exists(config)
                        && JsonInput.readObject(config, MAX_TOKENIZER_CONFIG_BYTES).hasNonNull("chat_template"));
    }

    private static void requireFits(int[] ids, ModelConfig config, Path directory) {
        if (ids.length == 0) {
            throw new UserErrorException("the prompt is empty; give a text with --prompt");
        }
        if (ids.length >= config.maxPositions()) {
            throw new UserErrorException("the prompt has " + ids.length + " tokens and leaves no room for an answer; "
                    + "the model takes " + config.maxPositions() + " in all");
        }
        for (int id : ids) {
            if (id >= config.vocabSize()) {
                throw new UserErrorException(directory + ": the tokenizer does not belong to the model: it gives token "
                        + id + ", the model has " + config.vocabSize());
            }
        }
    }

    private Generation settings(Tokenizer tokenizer, ModelConfig config, Path directory) throws IOException {
        SamplingDefaults defaults = useGenerationConfig ? SamplingDefaults.read(directory) : SamplingDefaults.GREEDY;
        Set<Integer> endTokens = new HashSet<>(config.eosTokenIds());
        tokenizer.endOfTurn().ifPresent(endTokens::add);
        double heat = Objects.requireNonNullElse(temperature, defaults.temperature());
        if (heat == 0 && (topK != null || topP != null)) {
            say("--top-k and --top-p change nothing without a --temperature above 0");
        }
        return Arguments.checked(() -> new Generation(
                maxNewTokens,
                heat,
                Objects.requireNonNullElse(topK, defaults.topK()),
                Objects.requireNonNullElse(topP, defaults.topP()),
                Objects.requireNonNullElse(repetitionPenalty, defaults.repetitionPenalty()),
                endTokens,
                tokenizer.size(),
                seed));
    }

    private void stream(Decoder decoder, Tokenizer tokenizer, int[] ids, Generation settings) {
        StreamingDecoder text = tokenizer.streamingDecoder(true);
        long start = System.nanoTime();
        long[] first = {start};
        int[] output;
        boolean longPrompt = ids.length > Generator.PROMPT_ROWS;
        try (Progress reading = longPrompt ? progress("reading", ids.length, "tokens") : null) {
            output = Generator.generate(decoder, ids, settings, count -> {
                if (reading != null) {
                    reading.advance(count);
                }
                return !interruption().requested();
            }, id -> {
                if (first[0] == start) {
                    first[0] = System.nanoTime();
                    if (reading != null) {
                        reading.close();
                    }
                }
                print(text.accept(id));
                return !interruption().requested();
            });
        }
        if (output.length == 0) {
            return;
        }
        double prefillSeconds = (first[0] - start) / 1e9;
        double decodeSeconds = (System.nanoTime() - first[0]) / 1e9;
        print(text.finish() + System.lineSeparator());
        String rate = output.length < 2
                ? ""
                : String.format(Locale.ROOT, ", then %.1f tokens/s", (output.length - 1) / decodeSeconds);
        say(String.format(
                Locale.ROOT,
                "%d prompt tokens, %d new tokens; the first after %.2f s%s",
                ids.length, output.length, prefillSeconds, rate));
    }

    private void print(String text) {
        if (!text.isEmpty()) {
            out().print(text);
            out().flush();
        }
    }
}
