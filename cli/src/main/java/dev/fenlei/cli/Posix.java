package dev.fenlei.cli;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;

/// The few POSIX functions that Java has no name for. None exists on Windows: see [#isAvailable].
public final class Posix {

    static final int STANDARD_ERROR = 2;

    private static final Linker LINKER = Linker.nativeLinker();

    private Posix() {}

    static boolean isAvailable() {
        return LINKER.defaultLookup().find("execv").isPresent();
    }

    /// Replaces this process by `command`, whose first element is the path of a program. Returns only on failure.
    /// The launcher calls it by name.
    public static void execv(List<String> command) throws ReflectiveOperationException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment arguments = arena.allocate(ADDRESS, command.size() + 1L);
            for (int i = 0; i < command.size(); i++) {
                arguments.setAtIndex(ADDRESS, i, arena.allocateFrom(command.get(i)));
            }
            arguments.setAtIndex(ADDRESS, command.size(), MemorySegment.NULL);
            int _ = call("execv", JAVA_INT, List.of(ADDRESS, ADDRESS), arguments.getAtIndex(ADDRESS, 0), arguments);
        }
    }

    /// Whether a person reads this file descriptor.
    static boolean isTerminal(int descriptor) {
        return call("isatty", JAVA_INT, List.of(JAVA_INT), descriptor) == 1;
    }

    /// Makes `target` mean what `source` means and closes `source`.
    static void moveDescriptor(int source, int target) {
        if (call("dup2", JAVA_INT, List.of(JAVA_INT, JAVA_INT), source, target) == target) {
            int _ = call("close", JAVA_INT, List.of(JAVA_INT), source);
        }
    }

    private static int call(String function, ValueLayout.OfInt result, List<ValueLayout> parameters,
            Object... arguments) {
        FunctionDescriptor descriptor = FunctionDescriptor.of(result, parameters.toArray(ValueLayout[]::new));
        MethodHandle handle = LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(function), descriptor);
        try {
            return (int) handle.invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new LinkageError("Calling " + function + " failed", e);
        }
    }
}
