package dev.fenlei.cli.commands;

import dev.fenlei.cli.UserErrorException;
import java.util.function.Supplier;

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
}
