package dev.fenlei.server.inference;

import dev.fenlei.lora.classify.Classifier;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a request can name as its `model`: the bare model or an adapter on it.
///
/// @param name what requests call it
/// @param parent the name of the bare model; null for that itself
/// @param labels the label set it was trained on, for requests that bring no candidates; may be empty
/// @param maxLength the most tokens of a prompt and its label
/// @param classifier selects the adapter before each of its passes
/// @param select puts the adapter into effect for passes that the classifier does not make
public record ServedModel(
        String name,
        @Nullable String parent,
        List<String> labels,
        int maxLength,
        Classifier classifier,
        Runnable select) {}
