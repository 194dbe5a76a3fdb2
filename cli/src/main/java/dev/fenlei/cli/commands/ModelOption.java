package dev.fenlei.cli.commands;

import dev.fenlei.cli.Installation;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// The option that names a model.
final class ModelOption {

    @Option(names = {"--model", "--model_path", "--model-path"}, paramLabel = "DIR",
            description = "Model directory in Hugging Face form (default: the bundled tiny model).")
    private @Nullable Path model;

    Path directory() {
        return model == null ? Installation.find().tinyModel() : model;
    }
}
