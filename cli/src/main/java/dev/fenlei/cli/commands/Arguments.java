package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Supplier;
import java.util.stream.Stream;

/// Values that the user gave and a constructor of the library checks.
final class Arguments {

    private Arguments() {}

    /// What `constructor` makes.
    ///
    /// @throws UserErrorException with the constructor's message, if it refuses the values
    static <T> T checked(Supplier<T> constructor) {
        try {
            return constructor.get();
        } catch (IllegalArgumentException e) {
            throw new UserErrorException(String.valueOf(e.getMessage()), e);
        }
    }

    /// Checks that a model can be written: shards of another that stayed there would be read instead of it.
    static void requireEmpty(Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> files = Files.list(folder)) {
            if (files.findAny().isPresent()) {
                throw new UserErrorException(folder + ": the folder is not empty; name a new one with --out");
            }
        }
    }
}
