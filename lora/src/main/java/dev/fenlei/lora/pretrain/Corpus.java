package dev.fenlei.lora.pretrain;

import dev.fenlei.lora.data.DataException;
import dev.fenlei.lora.data.DataOptions;
import dev.fenlei.lora.data.DataReader;
import dev.fenlei.lora.data.Example;
import dev.fenlei.lora.train.TrainingExample;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/// Texts to pre-train on.
///
/// @param texts in the order of the file
/// @param excluded how many were left out because another file holds their ids
/// @param unusable how many rows had no text
public record Corpus(List<String> texts, int excluded, int unusable) {

    private static final Pattern WHITE_SPACE = Pattern.compile("[\\s\\u3000]+");

    public Corpus {
        texts = List.copyOf(texts);
    }

    /// Reads the `text` of every row of a data file.
    ///
    /// @param exclude files of the same form whose ids are left out, such as test data; may be empty
    /// @param maxCharacters texts are cut to so many characters
    /// @param collapseWhiteSpace whether runs of white space become one space
    public static Corpus read(Path file, List<Path> exclude, int maxCharacters, boolean collapseWhiteSpace)
            throws IOException {
        Set<String> held = new HashSet<>();
        for (Path path : exclude) {
            try (DataReader reader = DataReader.open(path, DataOptions.unlabelled())) {
                while (reader.hasNext()) {
                    String id = reader.next().orThrow().id();
                    if (id != null) {
                        held.add(id);
                    }
                }
            }
        }
        List<String> texts = new ArrayList<>();
        int excluded = 0;
        int unusable = 0;
        try (DataReader reader = DataReader.open(file, DataOptions.unlabelled())) {
            while (reader.hasNext()) {
                Example example = reader.next().example();
                if (example == null) {
                    unusable++;
                    continue;
                }
                if (example.id() != null && held.contains(example.id())) {
                    excluded++;
                    continue;
                }
                String text = collapseWhiteSpace
                        ? WHITE_SPACE.matcher(example.text()).replaceAll(" ").strip()
                        : example.text();
                texts.add(text.length() <= maxCharacters ? text : text.substring(0, maxCharacters));
            }
        }
        if (texts.isEmpty()) {
            throw new DataException(file.toString(), 0, "text", "no row of " + unusable + " has a text");
        }
        return new Corpus(texts, excluded, unusable);
    }

    /// Pieces end to end, an end token behind each, cut into sequences of equal length in which every token but the first is
    /// to be predicted.
    ///
    /// @param length tokens that a sequence predicts
    static List<TrainingExample> sequences(List<int[]> pieces, int endToken, int length) {
        List<TrainingExample> sequences = new ArrayList<>();
        int[] sequence = new int[length + 1];
        int filled = 0;
        for (int[] ids : pieces) {
            for (int i = 0; i <= ids.length; i++) {
                sequence[filled++] = i < ids.length ? ids[i] : endToken;
                if (filled == sequence.length) {
                    sequences.add(new TrainingExample(sequence.clone(), 1));
                    // The last token of a sequence is the first that the next one reads.
                    sequence[0] = sequence[length];
                    filled = 1;
                }
            }
        }
        if (filled > 1) {
            sequences.add(new TrainingExample(Arrays.copyOf(sequence, filled), 1));
        }
        return sequences;
    }
}
