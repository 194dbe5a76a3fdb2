package dev.fenlei.cli.commands;

import dev.fenlei.cli.Installation;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.lora.adapter.LoraConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The option that names a model.
final class ModelOption {

    @Option(names = {"--model", "--model_path", "--model-path"}, paramLabel = "DIR",
            description = "Model directory in Hugging Face form (default: the one that the adapter was trained on, "
                    + "else the bundled tiny model).")
    private @Nullable Path model;

    /// Whether the option was given.
    boolean isGiven() {
        return model != null;
    }

    Path directory() {
        return model == null ? Installation.find().tinyModel() : model;
    }

    /// The model to use with an adapter: the one asked for, else the one that the adapter names.
    ///
    /// An adapter on another model than its own gives nonsense without any error, so none is guessed.
    ///
    /// @param adapter its directory; null for the bare model
    /// @throws UserErrorException if the adapter's model is not there
    Path directory(@Nullable Path adapter) throws IOException {
        if (model != null || adapter == null) {
            return directory();
        }
        String base = LoraConfig.load(adapter).baseModel();
        if (base == null || base.isBlank()) {
            throw new UserErrorException(
                    adapter + ": does not say which model it was trained on; name the model with --model");
        }
        Path named = Path.of(base);
        if (Files.isDirectory(named)) {
            return named;
        }
        Path bundled = Installation.find().tinyModel();
        if (bundled.getFileName().equals(named.getFileName())) {
            return bundled;
        }
        throw new UserErrorException(adapter + ": was trained on the model " + base
                + ", which is not there; name its directory with --model");
    }
}
