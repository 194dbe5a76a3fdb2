package dev.fenlei.cli;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.composer.Composer;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;
import org.snakeyaml.engine.v2.nodes.Node;
import org.snakeyaml.engine.v2.nodes.ScalarNode;
import org.snakeyaml.engine.v2.nodes.Tag;
import org.snakeyaml.engine.v2.parser.ParserImpl;
import org.snakeyaml.engine.v2.scanner.StreamReader;

/// YAML that the user names, as nodes rather than values: for line numbers, and for the text of a number as it was written.
public final class YamlFile {

    private static final int MAX_CODE_POINTS = 1 << 20;

    private YamlFile() {}

    /// The one document of a file; null if it is empty.
    ///
    /// @throws UserErrorException if it is not YAML
    public static @Nullable Node root(Path file) throws IOException {
        LoadSettings settings = LoadSettings.builder()
                .setLabel(file.toString())
                .setCodePointLimit(MAX_CODE_POINTS)
                .setMaxAliasesForCollections(0)
                .build();
        try (var reader = Files.newBufferedReader(file)) {
            var parser = new ParserImpl(settings, new StreamReader(settings, reader));
            return new Composer(settings, parser).getSingleNode().orElse(null);
        } catch (YamlEngineException e) {
            throw new UserErrorException(file + " is not valid YAML: " + e.getMessage(), e);
        } catch (CharacterCodingException e) {
            throw new UserErrorException(file + " is not encoded in UTF-8; save it as UTF-8", e);
        }
    }

    /// Whether nothing is given.
    public static boolean isEmpty(Node value) {
        return value instanceof ScalarNode scalar && scalar.getTag().equals(Tag.NULL);
    }

    /// Counted from 1.
    public static int line(Node node) {
        return node.getStartMark().map(mark -> mark.getLine() + 1).orElse(0);
    }

    /// An error that names the place.
    ///
    /// @param what follows "the file"
    public static UserErrorException error(Path file, Node node, String what) {
        return new UserErrorException(file + ", line " + line(node) + ": the file " + what);
    }
}
