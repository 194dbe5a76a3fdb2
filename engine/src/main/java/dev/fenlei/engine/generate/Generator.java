package dev.fenlei.engine.generate;

import dev.fenlei.engine.model.Batch;
import dev.fenlei.engine.model.Decoder;
import dev.fenlei.engine.model.KeyValueCache;
import dev.fenlei.engine.model.Pass;
import dev.fenlei.engine.tensor.Tensor;
import dev.fenlei.engine.tensor.Workspace;
import java.util.Arrays;
import java.util.function.IntPredicate;

/// Continues a prompt token by token.
public final class Generator {

    /// Rows of the prompt that go through the model together: enough for full speed, few enough for a little memory and for
    /// the reader to be heard in time.
    public static final int PROMPT_ROWS = 256;

    private Generator() {}

    /// Generates until an end token, the limit of tokens or of positions, or until the listener has enough.
    ///
    /// @param prompt at least one token
    /// @param listener called with every new token (an end token included); false stops
    /// @return the new tokens, a final end token included
    public static int[] generate(Decoder decoder, int[] prompt, Generation settings, IntPredicate listener) {
        return generate(decoder, prompt, settings, _ -> true, listener);
    }

    /// The same, and tells how far the prompt has been read.
    ///
    /// @param reader called with the number of tokens just read, [#PROMPT_ROWS] or what is left; false stops
    public static int[] generate(
            Decoder decoder, int[] prompt, Generation settings, IntPredicate reader, IntPredicate listener) {
        return generate(decoder, prompt, settings, PROMPT_ROWS, reader, listener);
    }

    static int[] generate(
            Decoder decoder, int[] prompt, Generation settings, int promptRows, IntPredicate reader,
            IntPredicate listener) {
        if (prompt.length == 0) {
            throw new IllegalArgumentException("the prompt is empty");
        }
        int limit = Math.min(settings.maxNewTokens(), decoder.config().maxPositions() - prompt.length);
        int[] output = new int[Math.max(0, limit)];
        int count = 0;
        Sampler sampler = new Sampler(settings, prompt);
        try (Workspace workspace = decoder.backend().newWorkspace();
                Workspace memory = decoder.backend().newWorkspace()) {
            KeyValueCache cache = new KeyValueCache(memory, decoder.config(), prompt.length + output.length);
            int length = 0;
            while (count < output.length) {
                boolean reading = length < prompt.length;
                int[] input = reading
                        ? Arrays.copyOfRange(prompt, length, Math.min(prompt.length, length + promptRows))
                        : new int[] {output[count - 1]};
                workspace.reset();
                Pass pass = Pass.inference(decoder.backend(), workspace);
                Tensor hidden = decoder.forward(pass, Batch.sequence(length, input).withOutputs(input.length - 1),
                        cache);
                length += input.length;
                if (reading && !reader.test(input.length)) {
                    break;
                }
                if (length < prompt.length) {
                    continue;
                }
                int id = sampler.next(decoder.logits(pass, hidden, 0).toArray());
                output[count++] = id;
                if (!listener.test(id) || settings.endTokens().contains(id)) {
                    break;
                }
            }
        }
        return Arrays.copyOf(output, count);
    }
}
