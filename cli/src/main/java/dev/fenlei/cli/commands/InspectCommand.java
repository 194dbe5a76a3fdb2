package dev.fenlei.cli.commands;

import dev.fenlei.cli.FenleiCommand;
import dev.fenlei.cli.UserErrorException;
import dev.fenlei.cli.inspect.Inspection;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/// `inspect`: what is in a model, an adapter or a safetensors file.
@Command(
        name = "inspect",
        description = "Show what is in a model directory, an adapter directory or a safetensors file.")
public final class InspectCommand extends FenleiCommand {

    @Parameters(paramLabel = "PATH", description = "A model directory, an adapter directory or a safetensors file.")
    private Path path = Path.of("");

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Override
    protected int run() throws IOException {
        Map<String, Object> report = examine();
        if (json) {
            JsonMapper mapper = JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
            out().println(mapper.writeValueAsString(report));
        } else {
            out().print(Inspection.text(report));
        }
        return OK;
    }

    private Map<String, Object> examine() throws IOException {
        if (!Files.exists(path)) {
            throw new NoSuchFileException(path.toString());
        }
        if (!Files.isDirectory(path)) {
            return Inspection.ofFile(path);
        }
        if (Files.exists(path.resolve("adapter_config.json"))) {
            return Inspection.ofAdapter(path);
        }
        if (Files.exists(path.resolve("config.json"))) {
            return Inspection.ofModel(path);
        }
        throw new UserErrorException(
                path + ": holds neither a model (config.json) nor an adapter (adapter_config.json)");
    }
}
