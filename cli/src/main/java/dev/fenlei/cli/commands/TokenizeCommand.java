package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.tokenizer.Tokenizer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.json.JsonMapper;

/// `tokenize`: text to ids and back, line by line.
@Command(name = "tokenize", description = "Turn each line of standard input into token ids, or ids into text.")
public final class TokenizeCommand extends FenleiCommand {

    /// Between ids: what `tokenize` writes, with and without `--json`.
    private static final Pattern SEPARATORS = Pattern.compile("[\\s,\\[\\]]+");

    @Mixin
    private ModelOption model = new ModelOption();

    @Option(names = "--decode",
            description = "Turn ids into text; they may be separated by spaces or commas, with brackets or without.")
    private boolean decode;

    @Option(names = "--control-tokens",
            description = "Recognise control tokens such as <|im_end|> in the text, which else are plain characters.")
    private boolean controlTokens;

    @Option(names = "--json", description = "Write a JSON array of ids, or with --decode a JSON string, for each line.")
    private boolean json;

    @Override
    protected int run() throws IOException {
        Tokenizer tokenizer = Tokenizer.load(model.directory());
        // A decoder of this kind refuses what is not UTF-8 instead of replacing it.
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8.newDecoder()));
        long number = 0;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            number++;
            out().println(decode ? text(tokenizer, line, number) : ids(tokenizer, line));
            if (!in.ready()) {
                out().flush();
            }
            interruption().throwIfRequested();
        }
        return OK;
    }

    private String ids(Tokenizer tokenizer, String line) {
        int[] ids = controlTokens ? tokenizer.encodeWithControlTokens(line) : tokenizer.encode(line);
        return json
                ? Arrays.toString(ids)
                : Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(" "));
    }

    private String text(Tokenizer tokenizer, String line, long number) {
        int[] ids = SEPARATORS.splitAsStream(line)
                .filter(word -> !word.isEmpty())
                .mapToInt(word -> id(word, tokenizer.size(), number))
                .toArray();
        String text = tokenizer.decode(ids);
        return json ? JsonMapper.shared().writeValueAsString(text) : text;
    }

    private static int id(String word, int size, long line) {
        try {
            int id = Integer.parseInt(word);
            if (id >= 0 && id < size) {
                return id;
            }
        } catch (NumberFormatException refusedBelow) {
            // The message is the same as for a number out of range.
        }
        throw new UserErrorException("standard input, line " + line + ": '" + word + "' is not a token id; "
                + "the tokenizer has ids 0 to " + (size - 1));
    }
}
